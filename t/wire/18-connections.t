# Connections: many at once, one after the other, and more than allowed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

use Socket qw(SOL_SOCKET SO_LINGER);

my $server = server('-c', 4096);
my $c = $server->conn;

my @many = conns($server, 1000);
reply_is($c, "set a 0 0 1\r\n1\r\n", "STORED\r\n", '1000 connections are open');
$_->put("get a\r\n") for @many;
my $hit = "VALUE a 0 1\r\n1\r\nEND\r\n";
is(scalar(grep { $_->take_expected($hit, 2) eq $hit } @many), 1000,
   ' ... and all are served');
cmp_ok($c->stats->{curr_connections}, '>=', 1001, ' ... and counted');
$_->close for @many;
poll_ok { $c->stats->{curr_connections} < 50 } ' ... until they are closed';

my $before = $c->stats->{total_connections};
my $served = 0;
for my $n (1 .. 1000) {
    my $short = $server->conn;
    $served++ if $short->command('get a') =~ /^VALUE/;
    $short->close;
}
is($served, 1000, '1000 connections one after the other');
is($c->stats->{total_connections}, $before + 1000, ' ... are counted');

# Connections cut off in the middle of things
for my $n (1 .. 200) {
    my $cut = $server->conn;
    $cut->put($n % 3 == 0 ? "set cut 0 0 100000\r\nxx" : $n % 3 == 1 ? 'get a' : "get a\r\n" x 50);
    setsockopt($cut->{sock}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0)) if $n % 2;
    $cut->close;
}
poll_ok { $c->stats->{curr_connections} < 50 } '200 connections cut off are cleared away';
value_is($c, 'a', '1');
value_is($c, 'cut', undef);
$server->stop;

# -c: more are turned away with a word, and counted; when one leaves there is room for another.
$server = server('-c', 60, '-t', 2);
my (@open, @refused);
for my $n (1 .. 90) {
    my $one = Wire::Conn->open($server->port) or next;
    my $first = do { $one->put("version\r\n"); $one->line };
    push @{ $first =~ /^VERSION/ ? \@open : \@refused }, [ $one, $first ];
}
cmp_ok(scalar @open, '<=', 60, '-c 60: not more than 60 of 90 connections are served');
cmp_ok(scalar @open, '>=', 20, ' ... and not much fewer');
is(scalar(grep { $_->[1] eq "ERROR Too many open connections\r\n" } @refused), scalar @refused,
   ' ... the others are told why');
is(scalar(grep { $_->[0]->closed } @refused), scalar @refused, ' ... and closed');
my $stats = $open[0][0]->stats;
is($stats->{rejected_connections}, scalar @refused, ' ... and counted');
is($stats->{curr_connections}, scalar @open, 'curr_connections are those served');
is($stats->{max_connections}, 60, 'max_connections is the limit');
$_->[0]->close for splice @open, -5;
my $again;
poll_ok {
    $again = Wire::Conn->open($server->port);
    $again->command('version') =~ /^VERSION/;
} 'when some leave there is room again';
value_is($again, 'none', undef);
$server->stop;

# -R: one connection's long pipeline gives way to others; all is answered.
$server = server('-R', 1, '-t', 1);
$c = $server->conn;
reply_is($c, "get none\r\n" x 500, "END\r\n" x 500, '-R 1: a pipeline of 500');
cmp_ok($c->stats->{conn_yields}, '>=', 1, ' ... gives way to others');
my ($left, $right) = conns($server, 2);
$left->put("get none\r\n" x 20_000);
reply_is($right, "get none\r\n", "END\r\n", 'another connection is served meanwhile');
is($left->take(5 * 20_000), "END\r\n" x 20_000, ' ... and the first in the end');
$server->stop;

# -t: threads
for my $threads (1, 2, 8) {
    $server = server('-t', $threads);
    $c = $server->conn;
    stat_is($c, 'threads', $threads, "-t $threads");
    my @workers = conns($server, 16);
    set_ok($_, 't', '1') for $workers[0];
    $_->put("incr t 1\r\n" x 100) for @workers;
    $_->ask('') for @workers;
    value_is($c, 't', '1601', ' ... count together');
    $server->stop;
}
# read_buf_mem_limit: who would need a buffer beyond it is cut off, and counted; others go on.
$server = server('-c', 4096, '-t', 2, '-o', 'read_buf_mem_limit=1');
$c = $server->conn;
reply_is($c, "set a 0 0 1\r\n1\r\n", "STORED\r\n", 'a client of a server with little room for buffers');
my @half = conns($server, 1500);
$_->put('get ' . 'k' x 1000) for @half;
poll_ok { grep { $_->closed(0.001) } @half[ 1490 .. 1499 ] } 'half requests beyond it';
$_->close for @half;
poll_ok { ($server->conn->stats->{read_buf_oom} // 0) > 0 } ' ... are counted';
my $new = $server->conn;
cmp_ok($new->stats->{read_buf_bytes}, '<=', 1 << 20, ' ... so that all take no more than is allowed');
reply_is($new, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", ' ... and others are served');
$server->stop;

# Who does not read yet what was asked for is not cut off for the room that the replies take.
$server = server('-t', 1, '-o', 'read_buf_mem_limit=1');
$server->conn->ask("set w 0 0 200\r\n" . 'w' x 200 . "\r\n");
my @late = conns($server, 6);
my $gets = 40_000;
$_->put("get w\r\n" x $gets) for @late;
poll_ok { my $stats = $server->conn->stats; $stats->{cmd_get} > 0 } 'clients that read later';
my $reply = 'VALUE w 0 200' . "\r\n" . 'w' x 200 . "\r\nEND\r\n";
ok($_->take($gets * length $reply) eq $reply x $gets, ' ... are answered in full') for @late;
is($server->conn->stats->{response_obj_oom}, 0, ' ... with room enough');
$server->stop;
# -N: over loopback there is no queue to choose a thread by.
$server = server('-N', 2);
$c = $server->conn;
my $fallbacks = $c->stats->{round_robin_fallback};
my @more = conns($server, 10);
reply_is($_, "get a\r\n", "END\r\n", 'served') for @more[ 0, 5, 9 ];
is($c->stats->{round_robin_fallback} - $fallbacks, 10, '-N: connections over loopback take turns');
is($c->stats->{unexpected_napi_ids}, 0, ' ... and come through no queue that was not expected');
$server->stop;
done_testing;
