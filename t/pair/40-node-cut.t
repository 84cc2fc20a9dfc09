#!/usr/bin/perl
# A whole node is cut off under load, as when a machine or its switch dies, and comes back later with
# its server still running and believing itself the master.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    OUTAGE_SECONDS    => 3,
    IN_FLIGHT_SECONDS => 0.25,  # acknowledgements this close to the cut may die with the machine
};

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

Pair::pair_begin();
my @keys = Pair::load_start(Pair::VIP, 2);
sleep 1;
my $event = time;
Pair::link_set('a', $_, 'down') for qw(eth1 eth0);
ok(Pair::wait_until(10, sub { Pair::has_vip('b') }), 'b took the address') or diag(Pair::report());
ok(Pair::wait_until(5, sub { Pair::is_role('b', 'master', 'ready') }), 'b became the master')
    or diag(Pair::report());
sleep 3;
my $seen = Pair::load_stop();
my $outage = Pair::outage($seen, $event);
diag sprintf 'a cut off: %.2f s without service (%d writes acknowledged, %d failed attempts)',
    $outage, $seen->{acknowledged}, $seen->{failures};
cmp_ok($outage, '<', OUTAGE_SECONDS, 'service was back in time');
is($seen->{unread}, 0, 'every client could read at the end');
is_deeply([Pair::wrong_reads($seen, given_before => $event - IN_FLIGHT_SECONDS)], [],
    'nothing was lost but what was in flight');
diag sprintf '%d keys lost changes in flight', scalar @{$seen->{wrong}};

# The healed node finds itself with a second master.
@keys = Pair::load_start(Pair::VIP, 2);
sleep 0.5;
$event = time;
Pair::link_set('a', $_, 'up') for qw(eth1 eth0);
my $winner;
ok(Pair::wait_until(10, sub { ($winner = Pair::vip_nodes()) =~ /^[ab]$/ }),
    'one node alone holds the address again') or diag(Pair::report());
my $loser = $winner eq 'a' ? 'b' : 'a';
ok(Pair::wait_until(Pair::READY_SECONDS, sub {
        Pair::is_role($winner, 'master', 'ready') && Pair::is_role($loser, 'slave', 'ready')
    }), "$winner, which holds the address, is the master; $loser is the slave")
    or diag(Pair::report());
sleep 3;
is(Pair::vip_nodes(), $winner, 'the address does not wander');
$seen = Pair::load_stop();
$outage = Pair::outage($seen, $event);
diag sprintf 'a came back, %s is the master: %.2f s without service (%d failed attempts)',
    $winner, $outage, $seen->{failures};
cmp_ok($outage, '<', OUTAGE_SECONDS, 'service was back in time');
is($seen->{unread}, 0, 'every client could read at the end');
is_deeply([Pair::wrong_reads($seen, given_before => $event - IN_FLIGHT_SECONDS)], [],
    'nothing that was acknowledged during the cut was lost or overruled by older values');
my @differing;
Pair::wait_until(10, sub { !(@differing = Pair::differences(@keys)) });
is_deeply(\@differing, [], 'both nodes hold the same');
done_testing();
