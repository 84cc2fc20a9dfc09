# A slow, a silent, a forgetful peer: clients never wait, and all is well in the end.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

use Time::HiRes qw(time);

# A sanitizer's server needs longer for everything.
my $timeout = Wire::Server::is_sanitized() ? 3000 : 400;
my $times = "repl_join_timeout=500,repl_heartbeat=50,repl_timeout=$timeout";

# Writes on the master while the slave is frozen: answered, kept in the log, sent later.
my $pair = pair('-o', $times);
my $number = $pair->master_number;
my ($master, $slave) = ($pair->node($number), $pair->node(1 - $number));
my $c = $master->conn;
set_ok($c, "before$_", 'x') for 1 .. 5;
$pair->settle;
my $partials = repl_of($master)->{partial_resyncs_out};
my $fulls = repl_of($master)->{full_syncs_out};
$slave->signal('STOP');
my $longest = 0;
for my $n (1 .. 2000) {
    my $start = time;
    $c->command("set frozen$n 0 0 500\r\n" . 'f' x 500);
    my $took = time - $start;
    $longest = $took if $took > $longest;
}
cmp_ok($longest, '<', 2, 'the slave frozen: no write takes long') or diag("$longest s");
$c->ask("delete before1\r\n");
poll_ok { repl_of($master)->{link_out} ne 'streaming' } ' ... the master gives the link up';
cmp_ok(repl_of($master)->{lag_ops}, '>=', 1000, ' ... and says what it lags behind');
is(role_of($master), 'master ready', ' ... it stays master');
$slave->signal('CONT');
$pair->whole_ok('the slave goes on');
is(role_of($master), 'master ready', ' ... it is still the slave');
$pair->agree_ok([ map({ "before$_" } 1 .. 5), map { "frozen$_" } 1 .. 2000 ], ' ... and catches up');
cmp_ok(repl_of($master)->{partial_resyncs_out}, '>', $partials, ' ... from the log');
is(repl_of($master)->{full_syncs_out}, $fulls, ' ... without a full sync');
$pair->stop;

# More than the log holds: a full sync instead, and nothing stale is left.
$pair = pair('-m', 128, '-o', "repl_log_mb=1,$times");
$number = $pair->master_number;
($master, $slave) = ($pair->node($number), $pair->node(1 - $number));
$c = $master->conn;
$c->ask(join '', map { "set stale$_ 0 0 3 noreply\r\nold\r\n" } 1 .. 100);
$pair->settle;
$slave->signal('STOP');
$c->ask(join '', map { "delete stale$_ noreply\r\n" } 1 .. 50);
$c->ask(join '', map { "set stale$_ 0 0 3 noreply\r\nnew\r\n" } 51 .. 100);
for my $from (map { $_ * 1000 } 0 .. 99) {
    $c->ask(join '', map { sprintf "set overflow%s-%d 0 0 1 noreply\r\n1\r\n", 'k' x 100, $_ }
            $from .. $from + 999);
}
my $repl = repl_of($master);
cmp_ok($repl->{log_overflows}, '>=', 1, 'more changes than the log holds: it says so');
cmp_ok($repl->{log_bytes}, '<=', $repl->{log_limit_bytes}, ' ... and the log keeps its bound');
cmp_ok($repl->{lag_ops}, '>=', 50_000, ' ... what the log had to drop is not told as acknowledged');
cmp_ok($repl->{lag_ms}, '>', 0, ' ... and is as old as the first of it');
$slave->signal('CONT');
poll_ok { repl_of($master)->{full_syncs_out} >= 1 && $pair->is_whole } 'a full sync mends it',
    3 * Wire::Server::timeout();
$pair->agree_ok([ map { "stale$_" } 1 .. 100 ], ' ... and nothing stale is left');
$pair->settle;
is($slave->conn->stats->{curr_items}, $c->stats->{curr_items}, ' ... as many items');

# The master frozen: the slave stays as it is, a client's write makes it master, and when the old
# master thaws it steps down without undoing anything.
$master->signal('STOP');
my $s = $slave->conn;
value_is($s, 'stale100', 'new', 'the master frozen: the slave answers');
reply_is($s, "set stale100 0 0 5\r\nnewer\r\ndelete stale99\r\nset added 0 0 1\r\n1\r\n",
         "STORED\r\nDELETED\r\nSTORED\r\n", ' ... and takes writes');
poll_ok { role_of($slave) eq 'master ready' } ' ... as master';
$master->signal('CONT');
$pair->whole_ok('the old master thaws');
is(role_of($slave), 'master ready', ' ... and is the slave now');
$pair->agree_ok([ 'stale98', 'stale99', 'stale100', 'added' ], ' ... and both agree');
value_is($master->conn, 'stale100', 'newer', ' ... on what was written last');
value_is($master->conn, 'stale99', undef, ' ... and what was deleted');
$pair->stop;
done_testing;
