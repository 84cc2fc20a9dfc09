# Strangers and rubbish on the port: refused, cut off, counted; nobody is harmed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

use IO::Socket::IP;

my $pair = pair('-o', 'repl_join_timeout=300');
my ($master, $slave) = ($pair->master, $pair->slave);
my $c = $master->conn;
set_ok($c, 'a', 'kept', 3);
$pair->agree_ok([ 'a' ], 'a pair that works');
my $id = repl_of($master)->{node_id};
my $peer_id = repl_of($slave)->{node_id};

# A connection from another address than the peer's.
sub stranger {
    my ($server) = @_;
    my $sock = IO::Socket::IP->new(LocalHost => '127.0.0.66', PeerHost => '127.0.0.1',
                                   PeerPort => $server->port, Proto => 'tcp') or die "connect: $!";
    my $conn = $server->conn;
    close $conn->{sock};
    $sock->blocking(0);
    $conn->{sock} = $sock;
    return $conn;
}

my $hello = "repl hello 1 00000000000000aa master ready 1 any 99999999999999999\r\n";
my $refused = repl_of($master)->{refused_hellos};
my $s = stranger($master);
$s->put($hello . "repl begin\r\nms a 4 E99999999999999999 q\r\nevil\r\nmn\r\n");
my $said = $s->take_all;
like($said // '(open)', qr/^CLIENT_ERROR [^\r]*peer[^\r]*\r\n/, 'a hello from a stranger is refused');
value_is($c, 'a', 'kept', ' ... and what follows it is not applied');
poll_ok { repl_of($master)->{refused_hellos} > $refused } ' ... it is counted';
poll_ok { $master->stderr =~ /^replication: a replication link from 127\.0\.0\.66 is refused: CLIENT_ERROR/m }
    ' ... and the operator is told of it';

# Hellos that make no sense, from the right address
for my $args ('', '1', '2 00000000000000aa master ready 1 any 5', 'x y z', '1 zz master ready 1 any 5',
              '1 0 master ready 1 any 5', '1 00000000000000aa king ready 1 any 5',
              '1 00000000000000aa master asleep 1 any 5', '1 00000000000000aa master ready x any 5',
              '1 00000000000000aa master ready 1 any 99999999999999999999999',
              '1 00000000000000aa master ready 1 any 18446744073709551614',
              '1 00000000000000aa master ready 18446744073709551615 any 5',
              "1 $id master ready 1 any 5", '1 ' . 'a' x 5000) {
    my $conn = $master->conn;
    $conn->put("repl hello $args\r\nrepl flush 99999999999999999\r\n");
    like($conn->line, qr/ refused\r\n\z|ERROR|^\z/, 'refused: repl hello ' . show(substr $args, 0, 60));
    $conn->close;
}
value_is($c, 'a', 'kept', 'what follows is not applied');

# Lines that belong on a link mean nothing on a client's connection.
for my $line ('repl begin', 'repl synced', 'repl info 1 aa master ready 1 any 5', 'repl flush 1',
              'repl flush 99999999999999999', 'repl flush_later 1', 'repl progress 50') {
    reply_like($c, "$line\r\n", qr/^(?:CLIENT_)?ERROR[^\r]*\r\n\z/, "a client says $line");
}
value_is($c, 'a', 'kept', ' ... and nothing is flushed');

# An accepted peer that turns to rubbish. It takes the place of the true peer's link for a moment.
my $true_hello = sub {
    return "repl hello 1 $peer_id slave ready 0 $id " . repl_of($slave)->{version} . "\r\n";
};
my @rubbish = (
    [ 'no protocol at all',         "\x00\xff\xfe rubbish \x01\r\n" x 10 ],
    [ 'an unknown command',         "fooble\r\n" ],
    [ 'a client command',           "get a\r\n" ],
    [ 'an unknown line',            "repl fooble\r\n" ],
    [ 'a value longer than said',   "ms x 3 E1 q\r\nabcdefgh\r\n" ],
    [ 'half a command',             "ms x 300 E1 q\r\nabc" ],
    [ 'half a line',                'ms x 3' ],
    [ 'a line without an end',      'ms ' . 'x' x 20_000 ],
    [ 'a value too large',          "ms x 2000000000 E1 q\r\nabc" ],
    [ 'a negative length',          "ms x -1 E1 q\r\n" ],
    [ 'a key too long',             'ms ' . 'k' x 300 . " 1 E1 q\r\n1\r\n" ],
    [ 'a version that is none',     "ms x 1 Ex q\r\n1\r\n" ],
    [ 'no version',                 "ms x 1 q\r\n1\r\n" ],
    [ 'a set of the far future',    "ms x 1 E18446744073709551615 q\r\n1\r\n" ],
    [ 'a delete of the far future', "md a E18446744073709551615 q\r\n" ],
    [ 'a flush of the far future',  "repl flush 18446744073709551615\r\n" ],
    [ 'a flush to be, from there',  "repl flush_later 0 18446744073709551615\r\n" ],
    [ 'a flush at no time',         "repl flush_later 18446744073709551615 1\r\n" ],
    [ 'a clock in the far future',  "repl info 1 $peer_id slave ready 0 $id 18446744073709551614\r\n" ],
    [ 'nothing at all',             '' ],
);
for my $row (@rubbish) {
    my ($name, $bytes) = @$row;
    my $conn = $master->conn;
    $conn->put($true_hello->());
    my $answer = $conn->line;
    like($answer, qr/^REPL 1 /, "a peer is answered, then sends $name") or next;
    $conn->put($bytes);
    reply_is($master->conn, "get a\r\n", "VALUE a 3 4\r\nkept\r\nEND\r\n", ' ... clients are served');
    ok($conn->closed(15), ' ... it is cut off sooner or later');
    value_is($c, 'x', undef, ' ... and nothing of it is kept');
}
cmp_ok(repl_of($master)->{rejected}, '>=', 1, 'they are counted');
$pair->whole_ok('the true peer comes back');
$c->ask("set b 0 0 5\r\nafter\r\n");
$pair->agree_ok([ 'a', 'b' ], ' ... and replication goes on');

# Random bytes on many connections
srand 4711;
for my $n (1 .. 100) {
    my $conn = $n % 2 ? $master->conn : stranger($slave);
    my $bytes = join '', map { chr int rand 256 } 1 .. 1 + int rand 3000;
    $bytes =~ s/flush_all|shutdown//g;
    $conn->put(($n % 3 ? 'repl ' : '') . $bytes . "\r\n", seconds => 1);
    $conn->close;
}
$c->ask("set c 0 0 5\r\nafter\r\n");
$pair->agree_ok([ 'a', 'b', 'c' ], 'random bytes harm nobody');
$pair->whole_ok(' ... and the pair is whole');
$pair->stop;
done_testing;
