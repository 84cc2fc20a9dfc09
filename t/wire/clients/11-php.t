# PHP's extensions, and sessions kept by one of them.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use POSIX ();
use Test::More;
use Wire::ClientCases;

use constant { REQUESTS_AT_ONCE => 4, REQUESTS => 25 };

# Requests for one session at the same time wait for each other.
sub sessions_are_locked {
    my ($client, $server) = @_;
    return if $client->name !~ /sessions/;
    my @adapters = map { $client->open('127.0.0.1', $server->port) } 1 .. REQUESTS_AT_ONCE;
    my @pids;
    for my $adapter (@adapters) {
        my $pid = fork // die "fork: $!";
        push @pids, $pid;
        next if $pid;
        my @bad = grep { $adapter->ask('incr shared 1') !~ /^number \d+\z/ } 1 .. REQUESTS;
        POSIX::_exit(@bad ? 1 : 0);
    }
    my $failed = grep { waitpid($_, 0) != $_ || $? } @pids;
    is($failed, 0, REQUESTS_AT_ONCE . ' clients count in one session');
    is($adapters[0]->ask('get shared'), 'value ' . REQUESTS_AT_ONCE * REQUESTS, ' ... and none in vain');
    $_->close for @adapters;
}

clients_of_ok('php', \&sessions_are_locked);
