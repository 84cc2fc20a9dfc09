#!/usr/bin/perl
# The old master returns to a pair with a good deal to copy: it syncs under load, keeps away from the
# address until it is whole, and serves only where nobody else can.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

use constant {
    ITEMS       => 100_000,
    VALUE_BYTES => 1000,
};

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

# Stores the items by noreply sets; true when the last one is there.
sub fill {
    my ($host) = @_;
    my $client = Pair::connect_from(Pair::CLIENT, $host, 20) or return 0;
    for my $from (map { $_ * 1000 } 0 .. ITEMS / 1000 - 1) {
        $client->send_bytes(join '', map {
            my $value = "$_ " . 'v' x (VALUE_BYTES - 1 - length $_);
            sprintf "set item:%d 3 0 %d noreply\r\n%s\r\n", $_, length $value, $value
        } $from .. $from + 999) or return 0;
    }
    my $last = 'item:' . (ITEMS - 1);
    my $items = $client->gets($last) or return 0;
    return exists $items->{$last};
}

Pair::pair_begin();
ok(fill(Pair::VIP), 'a holds ' . ITEMS . ' items');
my @items = map { "item:$_" } 0 .. ITEMS - 1;
my @differing;
Pair::wait_until(20, sub { !(@differing = Pair::differences(@items[-100 .. -1])) });
is_deeply(\@differing, [], 'b has the last of them');
Pair::server_signal('a', 'KILL');
ok(Pair::wait_until(10, sub { Pair::vip_nodes() eq 'b' }), 'b took over') or diag(Pair::report());
Pair::server_reap('a');

my @keys = Pair::load_start(Pair::VIP, 2);
sleep 0.5;
my $since = time;
Pair::server_start('a');
my ($strayed, %seen_number) = (0);
ok(Pair::wait_until(Pair::READY_SECONDS, sub {
        my $number = Pair::state_number('a');
        $seen_number{$number}++;
        $strayed++ if Pair::vip_nodes() ne 'b';
        return $number eq '0';
    }), 'a synced') or diag(Pair::report());
diag sprintf 'a took %.2f s to copy %d items under load', time - $since, ITEMS;
is($strayed, 0, 'the address stayed with b all the while');
ok($seen_number{254} || $seen_number{100}, 'the state file said that a was not whole');
ok(Pair::wait_until(5, sub { Pair::is_role('a', 'slave', 'ready') }), 'a is the ready slave')
    or diag(Pair::report());
my $seen = Pair::load_stop();
is($seen->{failures}, 0, 'no operation failed while a synced');
is_deeply([Pair::wrong_reads($seen)], [], 'nothing was lost or stale while a synced');
cmp_ok(Pair::outage($seen, $since, 60), '<', 1, 'no client waited long');
Pair::wait_until(10, sub { !(@differing = Pair::differences(@items, @keys)) });
is(scalar @differing, 0, 'both nodes hold the same') or diag("@differing[0 .. 9]");

# What was copied is served after the next death.
@keys = Pair::load_start(Pair::VIP, 2);
sleep 1;
my $event = Pair::server_signal('b', 'KILL');
ok(Pair::wait_until(10, sub { Pair::vip_nodes() eq 'a' }), 'the address moved to a')
    or diag(Pair::report());
sleep 1;
$seen = Pair::load_stop();
is_deeply([Pair::wrong_reads($seen)], [], 'nothing was lost or stale');
my $client = Pair::connect_from(Pair::CLIENT, Pair::VIP, 5);
my $items = $client ? $client->gets(@items) : undef;
is($items ? scalar keys %$items : 0, ITEMS, 'a serves every item it was given');
diag sprintf 'b killed: %.2f s without service', Pair::outage($seen, $event);
done_testing();
