# stats stalls: how long the steps of background work take. A statistic of this server's own.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
plan skip_all => 'the server has no stats stalls' if $c->ask("stats stalls\r\n") eq "ERROR\r\n";

my @steps = qw(tick maintain grow crawl);
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

done_testing;
