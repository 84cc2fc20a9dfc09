# stats stalls: how long the steps of background work and the turns of workers take. A statistic of this server's own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
plan skip_all => 'the server has no stats stalls' if $c->ask("stats stalls\r\n") eq "ERROR\r\n";

my @steps = qw(tick maintain grow crawl turn);
my @figures = qw(count total_us longest_us over_1ms over_5ms);
poll_ok {
    my $stalls = $c->stats('stalls');
    !grep { !$stalls->{"$_:count"} } @steps
} 'all steps are taken, and counted';
my $stalls = $c->stats('stalls');
is(join(' ', sort keys %$stalls),
    join(' ', sort((map { my $step = $_; map { "$step:$_" } @figures } @steps), 'latch:waits', 'latch:longest_us')),
    'what there is');
is((grep { !/^\d+\z/ } values %$stalls), 0, 'all numbers');
for my $step (@steps) {
    my ($count, $total, $longest, $over_1ms, $over_5ms) = map { $stalls->{"$step:$_"} } @figures;
    cmp_ok($longest, '<=', $total, "$step: the longest is one of all");
    cmp_ok($over_1ms, '<=', $count, ' ... and so are those over 1 ms');
    cmp_ok($over_5ms, '<=', $over_1ms, ' ... and of those, those over 5 ms');
}

poll_ok { $c->stats('stalls')->{'crawl:count'} > 5 } 'counts grow';
poll_ok {
    my $count = $c->stats('stalls')->{'crawl:count'};
    $c->ask("stats reset\r\n");
    $count <= 5;
} 'stats reset begins anew';
is((grep { /:/ } keys %{ $c->stats }), 0, 'plain stats have none of it');

# What a worker takes long over shows: a value of many megabytes is copied by an append.
my $server2 = server('-m', 128, '-I', '60m');
my $busy = $server2->conn;
$busy->set('large', 'x' x (40 << 20));
$busy->ask("stats reset\r\n");
poll_ok { $busy->stats('stalls')->{'turn:count'} < 20 } 'turns are counted anew';
$busy->command("append large 0 0 1\r\nx");
poll_ok { $busy->stats('stalls')->{'turn:over_1ms'} > 0 } 'a long turn shows';
cmp_ok($busy->stats('stalls')->{'turn:longest_us'}, '>', 1000, ' ... how long it was');
$server2->stop;
$server->stop;

done_testing;
