# stats detail and -D: statistics by prefix of the key.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

# The lines of a dump, in no order.
sub dump_is {
    my ($want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $c->ask("stats detail dump\r\n");
    my $is_ended = $got =~ s/END\r\n\z//;
    my @lines = map {"PREFIX $_\r\n"} @$want;
    is(join('', sort split /(?<=\n)/, $got), join('', sort @lines), $name);
    ok($is_ended, ' ... up to its end') unless $is_ended;
}

my $usage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
replies_are($c,
    [ "stats detail\r\n",       $usage ],
    [ "stats detail foo\r\n",   $usage ],
    [ "stats detail dump\r\n",  "END\r\n", 'nothing is counted' ],
    [ "get a:b\r\n",            "END\r\n" ],
    [ "stats detail dump\r\n",  "END\r\n", ' ... unless it is asked for' ],
    [ "stats detail on\r\n",    "OK\r\n" ]);
is($c->stats('settings')->{detail_enabled}, 'yes', 'stats settings say that it is');
is($c->stats('settings')->{stat_key_prefix}, ':', ' ... and name the delimiter');

# [request, reply, dump afterwards]
for my $row (
    [ "get a:b\r\n",               "END\r\n",      [ 'a get 1 hit 0 set 0 del 0' ] ],
    [ "set a:b 0 0 1\r\n1\r\n",    "STORED\r\n",   [ 'a get 1 hit 0 set 1 del 0' ] ],
    [ "get a:b a:c x:y none\r\n",  "VALUE a:b 0 1\r\n1\r\nEND\r\n",
      [ 'a get 3 hit 1 set 1 del 0', 'x get 1 hit 0 set 0 del 0' ] ],
    [ "set none 0 0 1\r\n1\r\n",   "STORED\r\n",
      [ 'a get 3 hit 1 set 1 del 0', 'x get 1 hit 0 set 0 del 0' ] ],
    [ "delete a:b\r\n",            "DELETED\r\n",
      [ 'a get 3 hit 1 set 1 del 1', 'x get 1 hit 0 set 0 del 0' ] ],
    [ "delete a:b\r\n",            "NOT_FOUND\r\n",
      [ 'a get 3 hit 1 set 1 del 2', 'x get 1 hit 0 set 0 del 0' ] ],
    [ "stats reset\r\n",           "RESET\r\n",    [] ],
    [ "add b:1 0 0 1\r\n1\r\n",    "STORED\r\n",   [ 'b get 0 hit 0 set 1 del 0' ] ],
    [ "add b:1 0 0 1\r\n1\r\n",    "NOT_STORED\r\n", [ 'b get 0 hit 0 set 2 del 0' ] ],
    [ "incr b:1 1\r\ndecr b:1 1\r\ntouch b:1 0\r\n", "2\r\n1\r\nTOUCHED\r\n", [ 'b get 0 hit 0 set 2 del 0' ] ],
    [ "gat 0 b:1\r\n",             "VALUE b:1 0 1\r\n1\r\nEND\r\n", [ 'b get 1 hit 1 set 2 del 0' ] ],
    [ "gats 0 b:2\r\n",            "END\r\n",      [ 'b get 2 hit 1 set 2 del 0' ] ],
    [ "append b:1 0 0 1\r\n1\r\n", "STORED\r\n",   [ 'b get 2 hit 1 set 3 del 0' ] ],
    [ "cas b:9 0 0 1 1\r\n1\r\n",  "NOT_FOUND\r\n", [ 'b get 2 hit 1 set 4 del 0' ] ],
    [ "set b:1 0 0 9 noreply\r\n123456789\r\n", '', [ 'b get 2 hit 1 set 5 del 0' ] ],
    [ "ms b:1 1\r\n1\r\nmg b:1 v\r\nmg b:3 v\r\nmd b:1\r\n", "HD\r\nVA 1\r\n1\r\nEN\r\nHD\r\n",
      [ 'b get 2 hit 1 set 5 del 0' ] ],
    [ "stats reset\r\n",           "RESET\r\n",    [] ],
    [ "get :x\r\n",                "END\r\n",      [ ' get 1 hit 0 set 0 del 0' ] ],
    [ "get c:d:e\r\n",             "END\r\n",
      [ ' get 1 hit 0 set 0 del 0', 'c get 1 hit 0 set 0 del 0' ] ],
    [ "stats detail off\r\nget c:f\r\n", "OK\r\nEND\r\n",
      [ ' get 1 hit 0 set 0 del 0', 'c get 1 hit 0 set 0 del 0' ] ],
    [ "stats detail on\r\nget c:f\r\n", "OK\r\nEND\r\n",
      [ ' get 1 hit 0 set 0 del 0', 'c get 2 hit 0 set 0 del 0' ] ],
) {
    my ($request, $reply, $dump) = @$row;
    reply_is($c, $request, $reply);
    dump_is($dump, ' ... is counted');
}

# Binary: get of a hit, get of a miss, set, delete
$c->ask("stats reset\r\nset d:1 0 0 1\r\n1\r\n");
my $b = $server->conn;
$b->put(pack('CCnCCnNNNN', 0x80, $_->[0], length $_->[1], $_->[2], 0, 0,
             $_->[2] + length($_->[1]) + length($_->[3]), 0, 0, 0) . "\0" x $_->[2] . $_->[1] . $_->[3])
    for [ 0x00, 'd:1', 0, '' ], [ 0x09, 'd:2', 0, '' ], [ 0x01, 'd:3', 8, 'v' ], [ 0x04, 'd:3', 0, '' ],
        [ 0x0a, '', 0, '' ];
$b->take(24 + 5 + 3 * 24);
dump_is([ 'd get 2 hit 1 set 2 del 1' ], 'requests of the binary protocol are counted');

# Many prefixes: bounded, and all of what is counted is told.
$c->ask("stats reset\r\n");
$c->put(join '', map {"get p$_:x\r\n"} 1 .. 2000);
$c->take(5 * 2000);
my $dump = $c->ask("stats detail dump\r\n");
is(() = $dump =~ /^PREFIX p\d+ get 1 hit 0 set 0 del 0\r$/mg, 2000, '2000 prefixes');
$server->stop;

# -D
for my $row ([ '|', 'a:b|c', 'a:b' ], [ 'xy', 'ax:b', 'a' ]) {
    my ($delimiter, $key, $prefix) = @$row;
    $server = server('-D', $delimiter);
    $c = $server->conn;
    reply_is($c, "get $key\r\n", "END\r\n");
    dump_is([ "$prefix get 1 hit 0 set 0 del 0" ], "-D $delimiter counts from the start");
    is($c->stats('settings')->{stat_key_prefix}, substr($delimiter, 0, 1), ' ... with this delimiter');
    is($c->stats('settings')->{detail_enabled}, 'yes', ' ... as stats settings say');
    $server->stop;
}
$server = server('-X');
reply_is($server->conn, "stats detail on\r\nstats detail dump\r\nstats detail\r\n",
         "CLIENT_ERROR stats detail not allowed\r\n" x 3, '-X forbids it')
    if $server->does('dump_disables_detail');
$server->stop;
done_testing;
