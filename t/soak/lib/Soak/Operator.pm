package Soak::Operator;

# Whoever runs the server: statistics, dumps, the LRU, pages, limits.

use strict;
use warnings;
use Soak::Client qw(random_key between pick chance);

use constant {
    MEMORY_MB => 64,    # -m of a server in a soak; never more than that
    DUMP_SECONDS => 60,
    FLUSH_PERCENT => 5,
};

sub manners {
    return (
        { name => 'stats', weight => 4, visit => \&stats, is_reading => 1 },
        { name => 'admin', weight => 3, visit => \&admin },
        { name => 'dump',  weight => 2, visit => \&dump, is_reading => 1 },
        { name => 'flush', weight => 1, visit => \&flush },
    );
}

my @families = ('', qw(settings items slabs sizes conns reset stalls repl), 'detail on', 'detail off',
                'detail dump', 'cachedump 5 50', 'cachedump 1 0', 'sizes_enable', 'nonsense');

sub stats {
    my ($self) = @_;
    my $reply = $self->conn->ask('stats ' . pick(@families) . "\r\n");
    die "stats: $reply\n" unless $reply =~ /\A(?:(?:STAT|PREFIX|ITEM) [^\r]*\r\n)*(?:END|RESET|OK|(?:CLIENT_)?ERROR[^\r]*)\r\n\z/;
}

my @commands = (
    'lru mode flat', 'lru mode segmented', 'lru tune 20 40 0.2 2.0', 'lru tune 10 25 0.1 2.0',
    'lru temp_ttl 61', 'lru temp_ttl -1', 'lru_crawler enable', 'lru_crawler sleep 100',
    'lru_crawler tocrawl 1000', 'lru_crawler tocrawl 0', 'lru_crawler crawl all',
    'lru_crawler crawl 1,2,3', 'slabs automove 0', 'slabs automove 1', 'slabs automove 2',
    'cache_memlimit ' . MEMORY_MB, 'cache_memlimit ' . (MEMORY_MB - 8), 'verbosity 0', 'version',
);

sub admin {
    my ($self) = @_;
    my $command = chance(40) ? 'slabs reassign ' . between(-1, 30) . ' ' . between(1, 30) : pick(@commands);
    my $reply = $self->conn->ask("$command\r\n");
    die "$command: $reply\n" unless $reply =~ /\A[A-Z][^\r]*\r\n\z/;
}

sub dump {
    my ($self) = @_;
    my $c = $self->open_conn(chance(30) ? (receive_bytes => 4096) : ());
    my $command = 'lru_crawler ' . pick('metadump all', 'metadump hash', 'metadump 1,2,5', 'mgdump all', 'mgdump hash');
    $c->put("$command\r\n");
    if (chance(20)) {
        $self->linger($c);
        return;
    }
    return if chance(20);
    my $end = qr/(?:^|\n)(?:END|EN|BUSY[^\r]*|ERROR[^\r]*)\r\n\z/;
    my $reply = $c->take_ending($end, DUMP_SECONDS);
    die "$command has no end: " . substr($reply, -100) . "\n" unless substr($reply, -200) =~ $end;
}

# Some of what there is: all of it, now and then, or nothing yet.
sub flush {
    my ($self) = @_;
    return if chance(100 - FLUSH_PERCENT);
    my $reply = $self->conn->ask(pick("flush_all 2\r\n", "flush_all noreply\r\n", "flush_all\r\n"));
    die "flush_all: $reply\n" unless $reply =~ /\A(?:OK\r\n)?\z/;
}

1;
