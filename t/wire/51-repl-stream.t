# Every kind of change on the master appears on the slave.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;
use Wire::Pair;

my $pair = pair('-o', 'repl_join_timeout=300');
my $master = $pair->master;
my $slave = $pair->slave;
my $c = $master->conn;
my $s = $slave->conn;

# [name, what is there before, the change]
my @changes = (
    [ 'set',              '', "set k 7 0 3\r\nabc\r\n" ],
    [ 'set again',        '', "set k 0 0 0\r\n\r\n" ],
    [ 'set with a time',  '', "set k 3 1000 3\r\nabc\r\n" ],
    [ 'set noreply',      '', "set k 65535 0 2 noreply\r\nqq\r\n" ],
    [ 'add',              "delete k\r\n", "add k 4294967295 50 1\r\n1\r\n" ],
    [ 'add of what is there', '', "add k 1 0 1\r\n2\r\n" ],
    [ 'replace',          '', "replace k 2 0 1\r\n3\r\n" ],
    [ 'append',           "set k 5 300 3\r\nabc\r\n", "append k 0 0 3\r\ndef\r\n" ],
    [ 'prepend',          '', "prepend k 0 0 3\r\n___\r\n" ],
    [ 'incr',             "set k 9 0 1\r\n9\r\n", "incr k 1\r\n" ],
    [ 'decr',             '', "decr k 5\r\n" ],
    [ 'incr noreply',     '', "incr k 100 noreply\r\n" ],
    [ 'touch',            '', "touch k 700\r\n" ],
    [ 'touch for ever',   '', "touch k 0\r\n" ],
    [ 'gat',              '', "gat 900 k\r\n" ],
    [ 'gats',             '', "gats 950 k\r\n" ],
    [ 'delete',           '', "delete k\r\n" ],
    [ 'delete of a miss', '', "delete k\r\n" ],
    [ 'delete noreply',   "set k 1 0 1\r\n1\r\n", "delete k noreply\r\n" ],
    [ 'delete 0',         "set k 1 0 1\r\n1\r\n", "delete k 0\r\n" ],
    [ 'ms',               '', "ms k 2 F3 T100\r\nms\r\n" ],
    [ 'ms q',             '', "ms k 2 q\r\nmq\r\n" ],
    [ 'ms append',        '', "ms k 2 MA\r\n++\r\n" ],
    [ 'mg with T',        '', "mg k T400\r\n" ],
    [ 'md',               '', "md k q\r\n" ],
    [ 'md I',             "ms k 2 F3 T100\r\nms\r\n", "md k I\r\n" ],
    [ 'md I with T, of a stale one', '', "md k I T200\r\n" ],
    [ 'touch of a stale one', '', "touch k 300\r\n" ],
    [ 'ms for an older version', '', "ms k 3 I C1\r\nold\r\n" ],
    [ 'ms that ends it',  '', "ms k 3\r\nnew\r\n" ],
    [ 'md x',             "ms k 2 F3 T100\r\nms\r\n", "md k x\r\n" ],
    [ 'md I x T',         "ms k 2 F3\r\nms\r\n", "md k I x T100\r\n" ],
    [ 'md I of a miss',   "md k\r\n", "md k I\r\n" ],
    [ 'ma that makes the number', '', "ma k N200 J10\r\n" ],
    [ 'ma',               '', "ma k D5\r\n" ],
    [ 'ma with T',        '', "ma k MD T50\r\n" ],
    [ 'ms append that makes the item', "md k\r\n", "ms k 2 MA N50\r\n++\r\n" ],
    [ 'ms prepend, quiet', '', "ms k 2 MP q\r\n__\r\n" ],
    [ 'ms replace with C', "ms k 2\r\nms\r\n", "ms k 1 MR I C1\r\nr\r\n" ],
    [ 'mg with T, N and R', "ms k 2 T10\r\nms\r\n", "mg k T600 N30 R30\r\n" ],
    [ 'a large stale one', '', "ms k 900000\r\n" . 'v' x 900000 . "\r\nmd k I\r\n" ],
    [ 'a negative time',  "set k 1 0 1\r\n1\r\n", "set k 1 -1 1\r\n1\r\n" ],
    [ 'a touch into the past', "set k 1 0 1\r\n1\r\n", "touch k -1\r\n" ],
    [ 'too large a value', "set k 1 0 1\r\n1\r\n", "set k 0 0 1048576\r\n" . 'x' x 1048576 . "\r\n" ],
);
for my $row (@changes) {
    my ($name, $before, $change) = @$row;
    $c->ask($before) if length $before;
    $c->ask($change);
    $pair->agree_ok([ 'k' ], "$name appears on the slave");
}

# The same in the binary protocol: [name, what is there before, the change]
my $b = $master->conn;
for my $row (
    [ 'set',              '', ask(set => 'k', STORE, 'abc') ],
    [ 'setq with a time', '', ask(setq => 'k', pack('NN', 4294967295, 1000), 'abcd') ],
    [ 'add',              "delete k\r\n", ask(add => 'k', STORE, 'new') ],
    [ 'replaceq',         '', ask(replaceq => 'k', STORE, 'other') ],
    [ 'append',           '', ask(append => 'k', '', '>') ],
    [ 'prependq',         '', ask(prependq => 'k', '', '<') ],
    [ 'a large value',    '', ask(set => 'k', STORE, 'x' x 300_000) ],
    [ 'incr that creates', "delete k\r\n", ask(incr => 'k', by(1, 10, 500)) ],
    [ 'incr',             '', ask(incr => 'k', by(1)) ],
    [ 'decrq',            '', ask(decrq => 'k', by(5)) ],
    [ 'touch',            '', ask(touch => 'k', pack 'N', 700) ],
    [ 'gat',              '', ask(gat => 'k', pack 'N', 800) ],
    [ 'gatkq',            '', ask(gatkq => 'k', FOR_EVER) ],
    [ 'delete',           '', ask(delete => 'k') ],
    [ 'deleteq',          "set k 1 0 1\r\n1\r\n", ask(deleteq => 'k') ],
    [ 'too large a value', "set k 1 0 1\r\n1\r\n", ask(set => 'k', STORE, 'x' x 1048576) ],
    [ 'flush',            "set k 1 0 1\r\n1\r\n", ask('flush') ],
    [ 'flushq',           "set k 1 0 1\r\n1\r\n", ask('flushq') ],
) {
    my ($name, $before, $change) = @$row;
    $c->ask($before) if length $before;
    binary_like($b, $change, qr/^/, "binary: $name");
    $pair->agree_ok([ 'k' ], ' ... appears on the slave');
}
binary_is($b, ask(set => "a key\r\n\0", STORE, 'v'), 'set:');
my $b_slave = $slave->conn;
poll_ok { cas_of_binary($b_slave, "a key\r\n\0") == cas_of_binary($b, "a key\r\n\0") }
    'a key that text cannot say arrives';
binary_is($b_slave, ask(get => "a key\r\n\0"), 'get: [00000007] "v"');
binary_like($b, ask(stat => 'repl'), qr/^stat: .*k=role "master"; .*stat:\z/, 'stat repl');

# cas
$c->ask("set k 1 0 1\r\n1\r\n");
my $cas = $c->cas_of('k');
reply_is($c, "cas k 2 0 1 $cas\r\n2\r\n", "STORED\r\n");
$pair->agree_ok([ 'k' ], 'cas appears on the slave');
is($s->cas_of('k'), $c->cas_of('k'), ' ... with the CAS value of the master');

# Sizes, keys, bytes
my %value = (empty => '', one => 'x', crlf => "\r\nEND\r\n", binary => join('', map { chr } 0 .. 255),
             medium => 'm' x 10_000, large => 'l' x 400_000, chunked => 'c' x 1_000_000,
             'k' x 250 => 'long key', "b\x01\x7f\xff" => 'odd key', "t\tab" => 'a tab');
$c->ask("set $_ 3 500 " . length($value{$_}) . "\r\n$value{$_}\r\n") for sort keys %value;
for my $key (sort keys %value) {
    poll_ok { defined $s->get($key) } 'the key ' . show($key) . ' arrives';
    value_is($s, $key, $value{$key}, ' ... with its value');
}
$pair->agree_ok([ grep { !/[\t\x01]/ } keys %value ], 'all of them are the same on both sides');
my $binary_key = 'AAoNIA==';
$c->ask("ms $binary_key 3 b\r\nbin\r\n");
poll_ok { $s->ask("mg $binary_key b v\r\n") eq "VA 3\r\nbin\r\n" } 'a binary key arrives';

# A hot key, and many
$c->put("set hot 0 0 1 noreply\r\n0\r\n" . "incr hot 1 noreply\r\n" x 5000 . "mn\r\n");
$c->take(4);
$pair->agree_ok([ 'hot' ], 'a key changed 5000 times');
value_is($s, 'hot', '5000', ' ... has its last value');
$c->put(join '', map { "set many$_ $_ 0 5 noreply\r\n" . sprintf('%05d', $_) . "\r\n" } 1 .. 20_000);
$c->ask(join '', map { "delete many$_ noreply\r\n" } grep { $_ % 10 == 0 } 1 .. 20_000);
$pair->agree_ok([ map { "many$_" } 1 .. 200, 9990 .. 10_010, 19_900 .. 20_000 ],
                '20,000 keys and 2,000 deletes');
poll_ok { $s->stats->{curr_items} == $c->stats->{curr_items} } 'both count the same items';

# flush_all
$c->ask("set before 0 0 1\r\n1\r\nflush_all\r\nset after 0 0 1\r\n2\r\n");
$pair->agree_ok([ 'before', 'after', 'many1' ], 'flush_all');
value_is($s, 'before', undef, ' ... what was there is gone');
value_is($s, 'after', '2', ' ... what came after is there');
$c->ask("flush_all 2\r\n");
value_is($s, 'after', '2', 'flush_all with a delay: not yet');
poll_ok { !defined $s->get('after') } ' ... then gone on the slave', 8;
value_is($c, 'after', undef, ' ... and on the master');
poll_ok { $c->ask("set later 0 0 1\r\n3\r\n"); defined $c->get('later') } 'stored after that';
$pair->agree_ok([ 'later' ], ' ... and kept on both sides');

# A flush told to the slave's clients beforehand: expiry is local.
$c->ask("set short 0 1 1\r\n1\r\n");
poll_ok { !defined $s->get('short') && !defined $c->get('short') } 'an item expires on both sides', 6;

# The figures
$pair->settle;
my ($m, $l) = (repl_of($master), repl_of($slave));
cmp_ok($m->{sent_ops}, '>', 1000, 'the master counts what it sent');
is($m->{lag_ops}, 0, ' ... all acknowledged');
cmp_ok($l->{applied}, '>', 1000, 'the slave counts what it applied');
is($_->{log_overflows}, 0, 'no log ran over') for $m, $l;
is($_->{rejected}, 0, 'nothing was rejected') for $m, $l;
is($m->{peer_id}, $l->{node_id}, 'the master knows the slave');
is($m->{peer_role}, 'slave', ' ... and its role');
is($m->{version} >= $c->cas_of('later') ? 1 : 0, 1, 'the clock is not behind the last version');
like($c->command('repl role'), qr/^ROLE master ready 0\r\n\z/);
like($s->command('repl role'), qr/^ROLE slave ready 0\r\n\z/);

# Links are no clients: nothing they say comes back as an answer.
my $conns = $s->stats('conns');
ok((scalar grep { /^tcp:127\.0\.0\.1/ } values %$conns) >= 2, 'the link is a connection');
$pair->stop;
done_testing;
