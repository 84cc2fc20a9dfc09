#!/usr/bin/perl
# The master's server is killed and is back at once, empty, with nobody to mark its death: the whole
# node takes the address all the same. A client may meet the empty one for a moment, and misses; it
# never reads anything old, and nothing is lost.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    ROUNDS         => 4,
    MISS_SECONDS   => 0.5,
    OUTAGE_SECONDS => 2,
};

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

Pair::pair_begin(restarting => 1);
for my $round (1 .. ROUNDS) {
    my ($master, $other) = $round % 2 ? qw(a b) : qw(b a);
    my @keys = Pair::load_start(Pair::VIP, 2);
    sleep 1;
    my $event = Pair::server_signal($master, 'KILL');
    ok(Pair::wait_until(5, sub { Pair::vip_nodes() eq $other }),
        "round $round: the address moved to $other") or diag(Pair::report());
    ok(Pair::wait_until(Pair::READY_SECONDS, sub {
            Pair::is_role($other, 'master', 'ready') && Pair::is_role($master, 'slave', 'ready')
        }), "$other is the master, $master its slave again") or diag(Pair::report());
    sleep 0.5;
    my $seen = Pair::load_stop();
    my $outage = Pair::outage($seen, $event);
    diag sprintf '%s killed and back at once: %.2f s without service, %d misses', $master, $outage,
        scalar grep { $_->{kind} eq 'lost' } @{$seen->{wrong}};
    cmp_ok($outage, '<', OUTAGE_SECONDS, 'service was back in time');
    cmp_ok($seen->{acknowledged}, '>', 1000, 'the load was one');
    is_deeply([Pair::wrong_reads($seen, missed_before => $event + MISS_SECONDS)], [], 'nothing acknowledged was lost or stale');
    my @differing;
    Pair::wait_until(5, sub { !(@differing = Pair::differences(@keys)) });
    is_deeply(\@differing, [], 'both nodes hold the same');
}
done_testing();
