#!/usr/bin/perl
# SIGSTOP of the master's server under load: the check script finds it. Then SIGCONT: what the frozen
# server still had to do must not undo what clients did meanwhile.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant OUTAGE_SECONDS => 4;

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

Pair::pair_begin();
my @keys = Pair::load_start(Pair::VIP, 2);
sleep 1;
my $event = Pair::server_signal('a', 'STOP');
ok(Pair::wait_until(10, sub { Pair::vip_nodes() eq 'b' }), 'the address moved to b')
    or diag(Pair::report());
ok(Pair::wait_until(5, sub { Pair::is_role('b', 'master', 'ready') }), 'b became the master')
    or diag(Pair::report());
sleep 2;
is(Pair::vip_nodes(), 'b', 'the address stays with b while a is frozen');

Pair::server_signal('a', 'CONT');
ok(Pair::wait_until(Pair::READY_SECONDS, sub { Pair::is_role('a', 'slave', 'ready') }),
    'a, awake again, is the slave') or diag(Pair::report());
sleep 2;
is(Pair::vip_nodes(), 'b', 'the address stays with b');
my $seen = Pair::load_stop();
my $outage = Pair::outage($seen, $event);
diag sprintf 'a frozen: %.2f s without service (%d writes acknowledged, %d failed attempts)',
    $outage, $seen->{acknowledged}, $seen->{failures};
cmp_ok($outage, '<', OUTAGE_SECONDS, 'service was back in time');
cmp_ok($seen->{acknowledged}, '>', 1000, 'the load was one');
is($seen->{unread}, 0, 'every client could read at the end');
is_deeply([Pair::wrong_reads($seen)], [], 'nothing acknowledged was lost, and nothing old came back')
    or diag(Pair::report());
my @differing;
Pair::wait_until(5, sub { !(@differing = Pair::differences(@keys)) });
is_deeply(\@differing, [], 'both nodes hold the same');
done_testing();
