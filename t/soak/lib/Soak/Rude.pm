package Soak::Rude;

# Clients who do not: they come and go, break off in the middle, dawdle, and never read.

use strict;
use warnings;
use Socket qw(SOL_SOCKET SO_LINGER);
use Soak::Client qw(value_of random_key between pick chance);
use Time::HiRes qw(sleep);
use Wire::Binary ();

use constant {
    CHURN           => 15,          # connections of one visit
    DEAF_BYTES      => 4096,        # receive buffer of who does not read
    DEAF_GETS       => 40,
    SHORT_SECONDS   => 0.02,        # what is not there by then is not waited for
    CUT_BYTES       => 2_000_000,   # announced of a value that never comes whole
    PIPELINE        => 20_000,
};

sub manners {
    return (
        { name => 'churn',    weight => 8, visit => \&churn, is_reading => 1 },
        { name => 'cut',      weight => 8, visit => \&cut },
        { name => 'unread',   weight => 3, visit => \&unread },
        { name => 'drip',     weight => 2, visit => \&drip },
        { name => 'deaf',     weight => 2, visit => \&deaf },
        { name => 'pipeline', weight => 1, visit => \&pipeline },
        { name => 'watch',    weight => 4, visit => \&watch, is_reading => 1 },
    );
}

# Away with or without good manners.
sub leave {
    my ($c) = @_;
    setsockopt $c->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0) if chance(50);
    $c->close;
}

sub churn {
    my ($self) = @_;
    my $key = random_key();
    for my $n (1 .. CHURN) {
        my $c = $self->open_conn;
        $c->put(pick('', 'g', "get $key", "get $key\r\n", "quit\r\n", "\x80", "get $key\r\n" x 50,
                     "GET / HTTP/1.1\r\n\r\n", 'x' x 3000));
        $c->line(SHORT_SECONDS) if chance(20);
        shutdown $c->{sock}, 1 if chance(20);
        leave($c);
    }
}

# Gone in the middle of a value.
sub cut {
    my ($self) = @_;
    my $c = $self->open_conn;
    my $key = pick('k:large1', 'cut');
    my $bytes = chance(50) ? between(1, 1000) : CUT_BYTES;
    my $text_head = pick("set $key 0 0 $bytes\r\n", "append j:large1 0 0 $bytes\r\n", "ms $key $bytes T0 O1\r\n");
    my $binary = Wire::Binary::ask('set', $key, Wire::Binary::STORE, '', body_bytes => 8 + length($key) + $bytes);
    $c->put(chance(30) && !$self->{of}{is_text_only} ? $binary : $text_head);
    $c->put('x' x rand $bytes);
    chance(10) ? $self->linger($c) : leave($c);
}

# Gone in the middle of an answer.
sub unread {
    my ($self) = @_;
    my $c = $self->open_conn(receive_bytes => DEAF_BYTES);
    my @keys = map { "k:large$_" } 1 .. Soak::Client::LARGE_KEYS;
    $c->put("get @keys\r\n");
    $c->take(between(1, 100_000), SHORT_SECONDS) if chance(50);
    chance(20) ? $self->linger($c) : leave($c);
}

sub drip {
    my ($self) = @_;
    my $key = random_key();
    my $c = $self->open_conn;
    my $value = value_of($key, between(0, 60));
    my $length = length $value;
    $c->put($_) for split //, "set $key 0 0 $length\r\n$value\r\ndelete $key\r\nmn\r\n";
    my $reply = $c->take_past("MN\r\n");
    die "byte by byte: $reply\n"
        unless $reply =~ /\A(?:STORED|SERVER_ERROR [^\r]*)\r\n(?:DELETED|NOT_FOUND)\r\nMN\r\n\z/;
}

# Asks for much and never reads.
sub deaf {
    my ($self) = @_;
    my $c = $self->open_conn(receive_bytes => DEAF_BYTES);
    my $request = pick(map({ "get k:large$_\r\n" } 1 .. Soak::Client::LARGE_KEYS), "stats settings\r\n",
                       'mg ' . random_key() . " v\r\n");
    $c->put($request x DEAF_GETS, deaf => 1, seconds => SHORT_SECONDS);
    $self->linger($c);
}

sub pipeline {
    my ($self) = @_;
    my $reply = $self->conn->ask("get none\r\n" x PIPELINE);
    die "a pipeline gets another answer\n" if $reply ne "END\r\n" x PIPELINE;
}

my @streams = qw(fetchers mutations evictions connevents sysevents deletions);

sub watch {
    my ($self) = @_;
    my $c = $self->open_conn(chance(50) ? () : (receive_bytes => DEAF_BYTES));
    $c->put('watch ' . join(' ', grep { chance(40) } @streams) . "\r\n");
    my $line = $c->line;
    die "watch: $line\n" unless $line =~ /^(?:OK|ERROR|WATCHER_[A-Z]+ .*)\r\n\z/;
    if (chance(40)) {
        $c->line(SHORT_SECONDS) for 1 .. 4;
        leave($c);
    } else {
        $self->linger($c);
    }
}

1;
