# Stale items and the right to renew them: md I and x, ms I, mg N and R; W, X and Z.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

# A CAS value that is older or newer than the item's.
sub older { return $c->cas_of($_[0]) - 1 }
sub newer { return $c->cas_of($_[0]) + 1000 }

# mg N: one client is told W, the others Z, until the value comes.
replies_are($c,
    [ "mg v N30 v t\r\n",            "VA 0 t30 W\r\n\r\n", 'a miss is vivified and won' ],
    [ "mg v N30 v t\r\n",            "VA 0 t30 Z\r\n\r\n", ' ... once' ],
    [ "mg v\r\nmg v k q O1\r\n",     "HD Z\r\nHD kv O1 Z\r\n", ' ... whoever asks' ],
    [ "get v\r\n",                   "VALUE v 0 0\r\n\r\nEND\r\n", ' ... get sees an empty value' ],
    [ "add v 0 0 1\r\n1\r\n",        "NOT_STORED\r\n" ],
    [ "incr v 1\r\n",                "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n" ],
    [ "ms v 3\r\nnew\r\nmg v v\r\n", "HD\r\nVA 3\r\nnew\r\n", 'until the value comes' ],
    [ "mg w N30 q\r\nmg w N30 q\r\n", "HD W\r\nHD Z\r\n", 'also quietly' ],
    [ "mg u N30 u h\r\nmg u h\r\n",  "HD h0 W\r\nHD h0 Z\r\n" ],
    [ "mg Zm9v b N30 f s l\r\nmg foo s\r\n", "HD f0 s0 l0 W\r\nHD s0 Z\r\n", 'a key in base64' ],
    [ "mg x N30 k O9\r\nmd x\r\nmg x\r\n", "HD kx O9 W\r\nHD\r\nEN\r\n", 'deleted again' ],
    [ "mg y N30\r\nmd y I\r\nmg y\r\nmg y\r\n", "HD W\r\nHD\r\nHD X W\r\nHD Z X\r\n",
      'invalidated: somebody else is asked' ],
);
poll_ok { $c->ask("mg short N1\r\n") eq "HD W\r\n" } 'a stub lives as long as N says: won';
poll_ok { $c->ask("mg short N1\r\n") eq "HD W\r\n" } ' ... and won again when it is over', 5;

# mg R: one client is told W when little time is left.
replies_are($c,
    [ "ms r 1 T20\r\n1\r\nmg r R10\r\n",   "HD\r\nHD\r\n", 'time enough' ],
    [ "mg r R100 v\r\nmg r R100 v\r\n",    "VA 1 W\r\n1\r\nVA 1 Z\r\n1\r\n", 'won once' ],
    [ "touch r 1000\r\nmg r R100\r\n",     "TOUCHED\r\nHD Z\r\n", 'a touch leaves that as it is' ],
    [ "ms r 1 T20\r\n1\r\nmg r R100\r\n",  "HD\r\nHD W\r\n", 'a new value ends it' ],
    [ "ms r 1\r\n1\r\nmg r R100 N5\r\n",   "HD\r\nHD\r\n", 'an item that lives for ever' ],
    [ "ms r 1 T2000000000\r\n1\r\nmg r R1999999000\r\nmg r R2000001000\r\n", "HD\r\nHD\r\nHD W\r\n",
      'a point in time, as in T' ],
    [ "ms r 1 T20\r\n1\r\nmg r T500 R100\r\nmg r R100 T20 t\r\nmg r T20 R100 t\r\n",
      "HD\r\nHD\r\nHD t20\r\nHD t20 W\r\n", 'T before R, and R before T' ],
);

# md I: the value stays, stale.
replies_are($c,
    [ "ms a 3 T100 F5\r\nold\r\nmd a I\r\n", "HD\r\nHD\r\n" ],
    [ "get a\r\n",                     "VALUE a 5 3\r\nold\r\nEND\r\n", 'get does not mind' ],
    [ "mg a v f\r\nmg a v f\r\n",      "VA 3 f5 X W\r\nold\r\nVA 3 f5 Z X\r\nold\r\n", 'won once' ],
    [ "mg a k q u\r\n",                "HD ka Z X\r\n" ],
    [ "md a I\r\nmg a\r\nmg a\r\n",    "HD\r\nHD X W\r\nHD Z X\r\n", 'anew' ],
    [ "touch a 500\r\nmg a\r\n",       "TOUCHED\r\nHD Z X\r\n", 'a touch leaves it stale' ],
    [ "append a 0 0 1\r\n+\r\nmg a v\r\n", "STORED\r\nVA 4\r\nold+\r\n", 'append ends it' ],
    [ "md a I q\r\nms a 1 q\r\nn\r\nmg a v\r\n", "VA 1\r\nn\r\n", 'a set ends it' ],
    [ "md a I T-1\r\nmg a\r\n",        "HD\r\nEN\r\n", 'stale and over' ],
    [ "md a I\r\nmd a I q k O1\r\n",   "NF\r\nNF ka O1\r\n", 'a miss' ],
    [ "mg a\r\n",                      "EN\r\n" ],
);
set_ok($c, 'a', 'old');
my $cas = $c->cas_of('a');
reply_is($c, "md a I C" . newer('a') . " k\r\n", "EX ka\r\n", 'another CAS value');
reply_is($c, "md a I C$cas\r\n", "HD\r\n", 'the right one');
cmp_ok($c->cas_of('a'), '>', $cas, ' ... which changes');
like($c->ask("md a I T300\r\nmg a t\r\n"), qr/^HD\r\nHD t(?:300|299) X W\r\n\z/, 'T limits its life');

# ms I: a value for what was overtaken is stored, stale.
set_ok($c, 'i', 'one');
replies_are($c,
    [ "ms i 3 I C" . older('i') . "\r\ntwo\r\n", "HD\r\n", 'an older CAS value' ],
    [ "mg i v\r\nmg i\r\n",                      "VA 3 X W\r\ntwo\r\nHD Z X\r\n", ' ... is stale' ],
);
reply_is($c, "ms i 3 I C" . older('i') . "\r\nmid\r\nmg i\r\n", "HD\r\nHD Z X\r\n",
         ' ... whoever was told W still is to renew it');
reply_is($c, "ms i 5 I C" . newer('i') . "\r\nthree\r\n", "EX\r\n", 'a newer one');
reply_is($c, "ms i 4 I C" . $c->cas_of('i') . "\r\nfour\r\nmg i v\r\n", "HD\r\nVA 4\r\nfour\r\n", 'the item\'s');
reply_is($c, "ms i 1 ME I C" . older('i') . "\r\n5\r\n", "NS\r\n", 'add');
reply_is($c, "ms i 1 MA I C" . older('i') . "\r\n5\r\n", "EX\r\n", 'append');
reply_is($c, "ms i 1 MP I C" . older('i') . "\r\n5\r\n", "EX\r\n", 'prepend');
reply_is($c, "ms i 1 MR I C" . older('i') . "\r\n5\r\nmg i v\r\n", "HD\r\nVA 1 X W\r\n5\r\n", 'replace');
reply_is($c, "ms i 1 I\r\n6\r\nmg i v\r\n", "HD\r\nVA 1\r\n6\r\n", 'I without C is nothing');
reply_is($c, "ms ttl 1 T500 F1\r\n1\r\nms ttl 1 I C" . older('i') . " T900 F2\r\n2\r\nmg ttl v f\r\n",
         "HD\r\nHD\r\nVA 1 f2 X W\r\n2\r\n");
like($c->ask("mg ttl t\r\n"), qr/^HD t(?:500|49\d) /, ' ... lives as long as what it replaced');
reply_is($c, "ms none 1 I C1\r\n6\r\n", "NF\r\n", 'a miss');

SKIP: {
    skip 'this version has no flag x of md', 8 unless $server->does('meta_delete_value');
    replies_are($c,
        [ "ms d 3 T100 F5\r\nabc\r\nmd d x\r\n", "HD\r\nHD\r\n", 'md x' ],
        [ "mg d v f t s\r\n",            "VA 0 f0 t-1 s0\r\n\r\n", ' ... leaves an empty item' ],
        [ "ms d 3\r\nabc\r\nmd d x I T100\r\nmg d v\r\n", "HD\r\nHD\r\nVA 0 X W\r\n\r\n", ' ... a stale one' ],
        [ "md d x\r\nmg d\r\n",          "HD\r\nHD\r\n", ' ... not stale any more' ],
        [ "md d x F7\r\nmg d f\r\n",     "HD\r\nHD f7\r\n", ' ... with other client flags' ],
        [ "md none x\r\nmd none x q\r\n", "NF\r\nNF\r\n" ],
        [ "md none x I\r\n",             "NF\r\n" ],
    );
    reply_is($c, "md d x C" . newer('d') . "\r\n", "EX\r\n", ' ... another CAS value');
}
SKIP: {
    skip 'this version has no flag E', 3 unless $server->does('meta_cas_override');
    replies_are($c,
        [ "mg e N30 E1000 c\r\nmg e c\r\n",  "HD c1000 W\r\nHD c1000 Z\r\n", 'mg N E' ],
        [ "md e I E2000\r\nmg e c\r\n",      "HD\r\nHD c2000 X W\r\n", 'md I E' ],
        [ "ms e 1 I C1999 E3000\r\n1\r\nmg e c\r\n", "HD\r\nHD c3000 Z X\r\n", 'ms I E' ],
    );
}

# Of many connections that ask at once one wins.
my @clients = conns($server, 8);
for my $case ([ 'stub', 'mg k%d N100' ], [ 'stale', 'mg s%d' ]) {
    my ($name, $request) = @$case;
    $c->ask(join '', map { "ms s$_ 1\r\n1\r\nmd s$_ I\r\n" } 1 .. 200);
    $_->put(join '', map { sprintf("$request\r\n", $_) } 1 .. 200) for @clients;
    my $won = 0;
    for my $client (@clients) {
        $won += $client->line =~ / W\r\n\z/ for 1 .. 200;
    }
    is($won, 200, "$name: each of 200 keys is won by one of 8 clients");
}

# Large values, too
my $large = 'l' x 700_000;
$c->ask("ms big 700000\r\n$large\r\nmd big I\r\n");
is($c->ask("mg big s v\r\n"), "VA 700000 s700000 X W\r\n$large\r\n", 'a large stale value');
is($c->ask("mg big v k\r\n"), "VA 700000 kbig Z X\r\n$large\r\n");
$server->stop;
done_testing;
