# Joining: both at once, one after the other, under load; an empty node never wipes a full one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

use Time::HiRes qw(time);

# Both at once, several times: always one master and one slave.
for my $round (1 .. 3) {
    my $pair = pair('-o', 'repl_join_timeout=1000');
    my $c = $pair->master->conn;
    set_ok($c, 'a', '1');
    $pair->agree_ok([ 'a' ], "started at once, round $round");
    $pair->stop;
}

# A lone master fills up; its slave comes later and is given all of it, while clients go on writing.
my $pair = Wire::Pair->not_started('-o', 'repl_join_timeout=300', '-m', 256);
my $first = $pair->start(0);
poll_ok { role_of($first) eq 'master ready' } 'a lone node becomes master';
my $c = $first->conn;
my $items = 30_000;
for my $from (map { $_ * 1000 } 0 .. $items / 1000 - 1) {
    $c->put(join '', map { my $v = 'x' x ($_ % 500); "set k$_ $_ " . ($_ % 3 ? 0 : 5000) . ' '
                               . length($v) . " noreply\r\n$v\r\n" } $from .. $from + 999);
}
is($c->ask(''), '', "$items items");
my $second = $pair->start(1);
my $writes = 0;
my $end = time + 10;
until (role_of($second) eq 'slave ready' || time > $end) {
    $c->ask(join '', map { ++$writes; "set live$_ $writes 0 3 noreply\r\nnew\r\n" . "delete k"
                               . ($writes * 7 % $items) . " noreply\r\n" } 1 .. 50);
}
$pair->whole_ok("a slave joins under load ($writes writes meanwhile)");
is(role_of($first), 'master ready', ' ... the full one stays master');
$pair->settle;
poll_ok { $second->conn->stats->{curr_items} == $c->stats->{curr_items} } ' ... as many items'
    or diag($second->conn->stats->{curr_items} . ' and ' . $c->stats->{curr_items});
$pair->agree_ok([ map({ "k$_" } grep { $_ % 37 == 0 } 0 .. $items - 1), map { "live$_" } 1 .. 50 ],
                ' ... and the same');

# The slave restarted: filled again. It never takes anything from the master.
my $count = $c->stats->{curr_items};
for my $how ('kill_now', 'stop') {
    $second->$how;
    my $again = $second = $pair->start(1);
    is($c->stats->{curr_items}, $count, "the slave's restart ($how) leaves the master alone");
    $pair->whole_ok(' ... it joins again');
    is(role_of($first), 'master ready', ' ... as slave');
    poll_ok { $again->conn->stats->{curr_items} == $count } ' ... with all items';
}

# The master restarted at once, empty: the slave, which is full, is the source.
for my $how ('kill_now', 'stop') {
    my $number = $pair->master_number;
    $pair->settle;
    $pair->node($number)->$how;
    $pair->start($number);
    $pair->whole_ok("the master's restart ($how): the pair is whole again");
    is($_->conn->stats->{curr_items}, $count, ' ... and nothing is lost') for $pair->nodes;
}
$pair->agree_ok([ map { "k$_" } grep { $_ % 37 == 0 } 0 .. $items - 1 ], ' ... and the same');

# A node that joins shows nothing it held in an earlier life: written apart, then brought together.
my $number = $pair->master_number;
my $master = $pair->node($number);
$pair->node(1 - $number)->stop;
$c = $master->conn;
$c->ask("delete k37\r\nset k74 1 0 3\r\nnew\r\n");
$pair->start(1 - $number);
$pair->whole_ok('a node joins that was away');
value_is($pair->slave->conn, 'k37', undef, 'what was deleted while it was away is gone');
value_is($pair->slave->conn, 'k74', 'new', 'what was changed is new');
$pair->stop;
done_testing;
