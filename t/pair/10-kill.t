#!/usr/bin/perl
# SIGKILL of the master's server under load, and the return of the killed one, in turn on both nodes.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    ROUNDS         => $ENV{PAIR_ROUNDS} || 4,
    OUTAGE_SECONDS => 2,
};

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

Pair::pair_begin();
is(Pair::vip_nodes(), 'a', 'the virtual address is on node a alone');

for my $round (1 .. ROUNDS) {
    my ($master, $other) = $round % 2 ? qw(a b) : qw(b a);
    my @keys = Pair::load_start($round == 2 ? Pair::VIP6 : Pair::VIP, 2);
    sleep 1 + rand 0.5;
    my $event = Pair::server_signal($master, 'KILL');
    Pair::wait_until(10, sub { Pair::vip_nodes() eq $other });
    is(Pair::vip_nodes(), $other, "round $round: the address moved to $other")
        or diag(Pair::report());
    sleep 1;
    ok(Pair::wait_until(5, sub { Pair::is_role($other, 'master', 'ready') }),
        "$other became the master") or diag(Pair::report());

    # The killed one comes back while the load goes on.
    Pair::server_reap($master);
    is(Pair::state_number($master), 254, 'the wrapper marked the death');
    my $since = time;
    Pair::server_start($master);
    my ($took_address, %seen_state) = (0);
    my $is_back = Pair::wait_until(Pair::READY_SECONDS, sub {
        my $state = (Pair::role($master))[1] // 'silent';
        my $number = Pair::state_number($master);
        $seen_state{$number}++;
        $took_address++ if $number ne '0' && Pair::has_vip($master);
        return $state eq 'ready' && $number eq '0';
    });
    ok($is_back, "$master is ready again") or diag(Pair::report());
    note sprintf '%s was back in sync %.2f s after its start', $master, time - $since;
    is($took_address, 0, "$master did not take the address while unsynced");
    ok(Pair::wait_until(5, sub { Pair::is_role($master, 'slave', 'ready') }), "$master is the slave")
        or diag(Pair::report());
    cmp_ok(Pair::stat_of($master, 'full_syncs_in') // 0, '>=', 1, "$master took a full sync");
    sleep 0.5;
    # On a machine that starves keepalived both may hold it for a moment, until they hear of each other.
    Pair::wait_until(3, sub { Pair::vip_nodes() eq $other });
    is(Pair::vip_nodes(), $other, "the address stays with $other");

    my $seen = Pair::load_stop();
    my $outage = Pair::outage($seen, $event);
    diag sprintf '%s killed: %.2f s without service (%d writes acknowledged, %d failed attempts)',
        $master, $outage, $seen->{acknowledged}, $seen->{failures};
    cmp_ok($outage, '<', OUTAGE_SECONDS, 'service was back in time');
    cmp_ok($seen->{acknowledged}, '>', 1000, 'the load was one');
    is($seen->{unread}, 0, 'every client could read at the end');
    is_deeply([Pair::wrong_reads($seen)], [], 'nothing acknowledged was lost or stale')
        or diag(Pair::report());
    my @differing;
    Pair::wait_until(5, sub { !(@differing = Pair::differences(@keys)) });
    is_deeply(\@differing, [], 'both nodes hold the same');
}
done_testing();
