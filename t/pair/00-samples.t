#!/usr/bin/perl
# The samples as they are: keepalived accepts them, and each of their parts does what it is there for.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Pair;
use Test::More;
use Time::HiRes qw(sleep time);

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

# keepalived 2.2.7 ends --config-test with SIGTERM to itself when it finds nothing wrong.
sub config_complaints {
    my ($node, $path) = @_;
    my ($status, $output) = Pair::run(Pair::inside($node, 'keepalived', '--config-test', '-f', $path));
    return $status == 0 || ($status & 127) == 15 ? $output : "status $status: $output";
}

Pair::world_begin();
for my $node (qw(a b)) {
    for my $unicast (0, 1) {
        my $path = Pair::keepalived_config($node, unicast => $unicast);
        is(config_complaints($node, $path), '',
            "keepalived accepts the sample of node $node" . ($unicast ? ', unicast' : ''));
    }
}
open my $file, '>>', Pair::folder() . '/a/keepalived.conf' or die $!;
print $file "no_such_word\n";
close $file;
isnt(config_complaints('a', Pair::folder() . '/a/keepalived.conf'), '', 'and would complain');

# Unicast from here on; the other tests use multicast.
Pair::server_start($_) for qw(a b);
ok(Pair::wait_until(Pair::READY_SECONDS, sub { !grep { Pair::state_number($_) ne '0' } qw(a b) }),
    'both servers say ready in their state files') or diag(Pair::report());
my $check = Pair::folder() . '/bin/check';
for my $what ([], ['127.0.0.1:11211'], ['[::1]:11211'], [$Pair::address{b}{front} . ':11211'],
    ['127.0.0.1:11211', 'ready']) {
    is((Pair::run(Pair::inside('a', $check, @$what)))[0], 0, "check @$what");
}
isnt((Pair::run(Pair::inside('a', $check, '127.0.0.1:11999')))[0], 0, 'check finds a server absent');
my $begin = time;
Pair::server_signal('a', 'STOP');
isnt((Pair::run(Pair::inside('a', $check)))[0], 0, 'check finds a server frozen');
cmp_ok(time - $begin, '<', 1, 'before keepalived loses its patience');
Pair::server_signal('a', 'CONT');

for (['MASTER', 'master'], ['BACKUP', 'slave'], ['MASTER', 'master'], ['FAULT', 'slave']) {
    my ($event, $role) = @$_;
    is((Pair::run(Pair::inside('a', Pair::folder() . '/bin/notify', '127.0.0.1:11211', 'INSTANCE',
        'memcached', $event, 150)))[0], 0, "notify $event, as a plain script");
    ok(Pair::wait_until(2, sub { ((Pair::role('a'))[0] // '') eq $role }), "makes a the $role");
}

Pair::keepalived_start($_, unicast => 1) for qw(a b);
ok(Pair::wait_until(10, sub { Pair::vip_nodes() =~ /^[ab]$/ }), 'unicast: one node has the address')
    or diag(Pair::report());
my $master = Pair::vip_nodes();
my $other = $master eq 'a' ? 'b' : 'a';
ok(Pair::wait_until(5, sub {
        Pair::is_role($master, 'master', 'ready') && Pair::is_role($other, 'slave', 'ready')
    }), 'the roles follow the address') or diag(Pair::report());

# A clean stop: the server says so before it goes.
my $client = Pair::connect_from(Pair::CLIENT, Pair::VIP, 2);
is($client->set('kept', 'value'), 'STORED', 'a client stores through the address');
Pair::server_reap($master, 'TERM');
is(Pair::state_number($master), 254, 'a stopped server leaves fault behind');
ok(Pair::wait_until(5, sub { Pair::vip_nodes() eq $other }), 'the address moved')
    or diag(Pair::report());
$client = Pair::connect_from(Pair::CLIENT, Pair::VIP, 2);
my $items = $client && $client->gets('kept');
is($items ? $items->{kept}{value} : 'no answer', 'value', 'the other node has what was stored');

# The end of keepalived itself moves the address too, and takes the role away.
Pair::server_start($master);
ok(Pair::wait_until(Pair::READY_SECONDS, sub { Pair::is_role($master, 'slave', 'ready') }),
    'the stopped one is back') or diag(Pair::report());
Pair::keepalived_reap($other);
ok(Pair::wait_until(5, sub { Pair::vip_nodes() eq $master }), 'keepalived stopped: the address moved')
    or diag(Pair::report());
ok(Pair::wait_until(5, sub {
        Pair::is_role($master, 'master', 'ready') && Pair::is_role($other, 'slave', 'ready')
    }), 'and the roles with it') or diag(Pair::report());

# The wrapper never runs a server whose end it could not mark.
is((Pair::run(Pair::inside('a', "$Pair::root/scripts/keepalived/run-memcached",
    Pair::folder() . '/no/state', 'true')))[0] >> 8, 1, 'run-memcached needs its state file');
done_testing();
