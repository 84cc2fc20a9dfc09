# libmemcached's compliance test.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

my $memccapable = need_program('memccapable', 'libmemcached-tools');
my $server = server();
my ($status, $said) = run_client($memccapable, '-h', '127.0.0.1', '-p', $server->port, '-a');
my @results = $said =~ /^((?:ascii|ASCII)[^\[]*?\S)\s+\[(\w+)\]/mg;
cmp_ok(scalar @results / 2, '>=', 27, 'the ASCII tests are run');
while (my ($name, $verdict) = splice @results, 0, 2) {
    is($verdict, 'pass', $name);
}
is($status, 0, 'memccapable is content') or diag($said);
$server->stop;
done_testing;
