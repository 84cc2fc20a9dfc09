# Stale items, and values that a client was asked for, in a pair: what the peer learns of them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $pair = pair('-o', 'repl_join_timeout=300');
my ($master, $slave) = ($pair->master, $pair->slave);
my ($c, $s) = ($master->conn, $slave->conn);

# Staleness is the item's; the token, whoever was told W, is the node's.
$c->ask("ms a 3 T100 F7\r\nold\r\nmd a I\r\n");
replies_are($c,
    [ "mg a v f\r\n", "VA 3 f7 X W\r\nold\r\n", 'stale on the master: won' ],
    [ "mg a v f\r\n", "VA 3 f7 Z X\r\nold\r\n", ' ... once' ],
);
poll_ok { $s->ask("mg a q\r\n") =~ /X/ } 'stale on the slave, too';
reply_is($s, "mg a v f\r\n", "VA 3 f7 Z X\r\nold\r\n", ' ... where it is won once more');
$c->ask("ms a 3 T100\r\nnew\r\n");
poll_ok { $s->ask("mg a v\r\n") eq "VA 3\r\nnew\r\n" } 'a new value ends it on both';
reply_is($c, "mg a v\r\n", "VA 3\r\nnew\r\n");

# The place of a value that is still to come is not told as an empty value: for the peer the key is
# absent, so that after a fail-over the next client is asked for it.
$c->ask("set b 0 0 3\r\nold\r\n");
poll_ok { defined $s->get('b') } 'a value on both sides';
$c->ask("md b\r\n");
reply_is($c, "mg b N100\r\nmg b N100 v\r\n", "HD W\r\nVA 0 Z\r\n\r\n", 'vivified on the master');
ok($pair->settle, ' ... and all told');
reply_is($s, "mg b v\r\n", "EN\r\n", ' ... absent on the slave');
$c->ask("touch b 200\r\n");
ok($pair->settle, 'touched');
reply_is($s, "mg b v\r\n", "EN\r\n", ' ... absent all the same');
reply_is($c, "ms b 3\r\nnew\r\n", "HD\r\n", 'the winner brings the value');
poll_ok { ($s->get('b') // '') eq 'new' } ' ... to both sides';

# What is evicted here may be there still: an invalidation that misses is a delete for the peer.
$c->ask("md gone I\r\n");
$pair->agree_ok([ 'gone' ], 'an invalidation that finds nothing');

# A full sync tells the same, and large values, and binary keys.
my $large = 'l' x 700_000;
$c->ask("ms big 700000\r\n$large\r\nmd big I\r\nms AAoNIA== 3 b\r\nbin\r\nmd AAoNIA== b I\r\n");
$c->ask("ms a 3 T500\r\nold\r\nmd a I T400\r\nms fresh 1\r\n1\r\nmg stub N100\r\n");
$c->ask("ms none 0\r\n\r\n");
my $number = 1 - $pair->master_number;
$slave->kill_now;
$slave = $pair->start($number);
$pair->whole_ok('the slave starts anew and is given everything');
$s = $slave->conn;
replies_are($s,
    [ "mg a v\r\nmg a\r\n",           "VA 3 X W\r\nold\r\nHD Z X\r\n", 'stale after a full sync' ],
    [ "mg AAoNIA== b v\r\n",          "VA 3 X W\r\nbin\r\n", ' ... by a binary key' ],
    [ "mg fresh v\r\n",               "VA 1\r\n1\r\n", ' ... but nothing else is' ],
    [ "mg none v\r\n",                "VA 0\r\n\r\n", ' ... an empty value is one' ],
    [ "mg stub\r\n",                  "EN\r\n", ' ... a stub is none' ],
    [ "mg big s\r\n",                 "HD s700000 X W\r\n", ' ... a large one' ],
);
like($s->ask("mg a t\r\n"), qr/^HD t(?:400|39\d) Z X\r\n\z/, ' ... with the time left');
is($s->ask("mg big v\r\n"), "VA 700000 Z X\r\n$large\r\n", ' ... and all of its value');

# The master dies: the survivor's clients are asked anew.
$c->ask("md fresh I\r\nmg fresh\r\n");
$pair->settle;
$master->kill_now;
replies_are($s,
    [ "mg fresh v\r\n",    "VA 1 X W\r\n1\r\n", 'after the fail-over one client wins' ],
    [ "mg fresh v\r\n",    "VA 1 Z X\r\n1\r\n", ' ... one' ],
    [ "mg stub N100\r\n",  "HD W\r\n", ' ... also where there was no value yet' ],
    [ "mg stub N100\r\n",  "HD Z\r\n" ],
);
$slave->stop;
done_testing;
