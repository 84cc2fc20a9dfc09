#!/usr/bin/perl
# The replication link alone is cut under load: clients notice nothing, the slave catches up after.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    CUT_SECONDS    => 4,
    OUTAGE_SECONDS => 0.5,
};

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

Pair::pair_begin();
my @keys = Pair::load_start(Pair::VIP, 2);
sleep 1;
my $event = Pair::link_set('a', 'eth1', 'down');
my $moved = 0;
Pair::wait_until(CUT_SECONDS, sub { $moved ||= Pair::vip_nodes() ne 'a'; 0 });
ok(!$moved, 'the address stays with a') or diag(Pair::report());
ok(Pair::is_role('a', 'master', 'ready'), 'a stays the master') or diag(Pair::report());
cmp_ok(Pair::stat_of('a', 'lag_ops') // 0, '>', 0, 'stats repl says that b lags');
my @behind = Pair::differences(@keys);
cmp_ok(scalar @behind, '>', 0, 'b is behind while the link is cut');

Pair::link_set('a', 'eth1', 'up');
sleep 2;
my $seen = Pair::load_stop();
my $since = time;
my @differing;
Pair::wait_until(20, sub { !(@differing = Pair::differences(@keys)) });
is_deeply(\@differing, [], 'b caught up after the link healed') or diag(Pair::report());
ok(Pair::wait_until(10, sub { (Pair::stat_of('a', 'lag_ops') // 'none') eq '0' }),
    'stats repl says that b does not lag') or diag(Pair::report());
ok(Pair::wait_until(10, sub { Pair::is_role('b', 'slave', 'ready') }), 'b is the ready slave')
    or diag(Pair::report());
is(Pair::vip_nodes(), 'a', 'the address is still with a');
my $outage = Pair::outage($seen, $event, 20);
diag sprintf 'replication link cut: %.2f s without service (%d writes acknowledged, %d failed)',
    $outage, $seen->{acknowledged}, $seen->{failures};
cmp_ok($outage, '<', OUTAGE_SECONDS, 'clients noticed nothing');
is($seen->{failures}, 0, 'no operation failed');
is($seen->{unread}, 0, 'every client could read at the end');
is_deeply([Pair::wrong_reads($seen)], [], 'nothing acknowledged was lost or stale');

# What the slave caught up with is whole: it serves it when the master dies.
@keys = Pair::load_start(Pair::VIP, 2);
sleep 1;
Pair::server_signal('a', 'KILL');
ok(Pair::wait_until(10, sub { Pair::vip_nodes() eq 'b' }), 'the address moves to b when a is killed');
sleep 1;
$seen = Pair::load_stop();
is_deeply([Pair::wrong_reads($seen)], [], 'b lost nothing');
done_testing();
