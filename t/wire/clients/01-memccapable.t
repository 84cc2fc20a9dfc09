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
for my $part ([ '-a', 'ascii' ], [ '-b', 'binary' ]) {
    my ($option, $protocol) = @$part;
    my ($status, $said) =
        run_client($memccapable, '-h', '127.0.0.1', '-p', $server->port, $option);
    my @results = $said =~ /^($protocol [^\[]*?\S)\s+\[(\w+)\]/mg;
    is(scalar @results / 2, 27, "the 27 $protocol tests are run");
    while (my ($name, $verdict) = splice @results, 0, 2) {
        is($verdict, 'pass', $name);
    }
    is($status, 0, "memccapable is content with $protocol") or diag($said);
}
$server->stop;
done_testing;
