# Clients that do not read: they get what was there, and nobody waits for them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server('-t', 2);
my $c = $server->conn;

# A get half sent while the item is replaced, deleted, flushed: the old bytes come whole.
my %change = (
    'replaced' => sub { $c->set('big', 'n' x 900_000) },
    'replaced by a small one' => sub { $c->set('big', 'n') },
    'deleted' => sub { $c->command('delete big') },
    'flushed' => sub { $c->command('flush_all') },
    'appended to' => sub { $c->command('append big 0 0 5' . "\r\nnnnnn") },
    'deleted, and the memory used again' => sub {
        $c->command('delete big');
        $c->set("again$_", 'n' x 900_000) for 1 .. 30;
    },
);
for my $what (sort keys %change) {
    set_ok($c, 'big', 'o' x 900_000);
    my $slow = $server->conn(undef, receive_bytes => 4096);
    $slow->put("get big\r\n");
    is($slow->take(22), "VALUE big 0 900000\r\noo", "a get of an item about to be $what");
    $change{$what}->();
    my $rest = $slow->take(900_000 + 7 - 2);
    is($rest, 'o' x 899_998 . "\r\nEND\r\n", ' ... the old bytes come whole') or diag(
        sprintf '%d bytes, %d of them old', length $rest, $rest =~ tr/o//);
    reply_is($slow, "get none\r\n", "END\r\n", ' ... and the connection goes on');
}

# Several clients of one item, each at its own pace
set_ok($c, 'shared', 's' x 500_000);
my @readers = map { $server->conn(undef, receive_bytes => 4096) } 1 .. 8;
$_->put("get shared\r\n") for @readers;
$_->take(100) for @readers;
$c->command('delete shared');
is(length $_->take(500_000 + 23 + 7 - 100), 499_930, 'a reader of an item deleted meanwhile')
    for reverse @readers;

# Clients that pipeline large gets and never read block nobody.
set_ok($c, 'large', 'l' x 800_000);
my @deaf = map { $server->conn(undef, receive_bytes => 4096) } 1 .. 8;
$_->put("get large\r\n" x 200, deaf => 1, seconds => 0.5) for @deaf;
for my $other (conns($server, 8)) {
    reply_is($other, "set x 0 0 1\r\n1\r\nget x\r\ndelete large\r\nset large 0 0 1\r\n2\r\n",
             "STORED\r\nVALUE x 0 1\r\n1\r\nEND\r\nDELETED\r\nSTORED\r\n",
             'others are served meanwhile');
}
$_->close for @deaf;
poll_ok { $c->stats->{curr_connections} <= 1 + 8 + 6 + 8 } 'and they can leave';
value_is($c, 'large', '2');

# A client that sends and does not read for a while gets all of it in the end.
my $late = $server->conn(undef, receive_bytes => 4096);
set_ok($c, 'late', 'z' x 100_000);
is($late->put("get late\r\n" x 50, deaf => 1), 500, 'requests for 5 MB are sent');
value_is($c, 'late', 'z' x 100_000);
is(length $late->take(50 * (100_000 + 21 + 7)), 50 * 100_028, ' ... and all replies come');
reply_is($late, "get none\r\n", "END\r\n", ' ... and the connection goes on');

$server->stop;
done_testing;
