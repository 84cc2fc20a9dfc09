# A pair whose clients may speak binary only: the nodes' own text goes through.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;
use Wire::Pair;

my $pair = Wire::Pair->not_started('-B', 'binary', '-o', 'repl_join_timeout=300');
$pair->start($_) for 0, 1;
poll_ok { join(',', sort map { role_of($_) } $pair->nodes) eq 'master ready,slave ready' }
    'the nodes find each other', 3 * Wire::Server::timeout();
my ($c, $s) = map { $_->conn } $pair->master, $pair->slave;
binary_is($c, ask(set => 'k', pack('NN', 5, 0), 'v'), 'set:');
poll_ok { cas_of_binary($s, 'k') == cas_of_binary($c, 'k') } 'a value appears on the slave';
binary_is($s, ask(get => 'k'), 'get: [00000005] "v"');
binary_is($c, ask(delete => 'k'), 'delete:');
poll_ok { !cas_of_binary($s, 'k') } ' ... and disappears';

# For others text is no way in.
for my $line ("replace k 0 0 1\r\nx\r\n", "repl role\r\nget k\r\n" . 'x' x 24, "get k\r\n" x 4) {
    my $t = $pair->master->conn;
    $t->put($line);
    my $got = $t->take_all;
    is(defined $got ? $got =~ s/^ROLE .*\r\n//r : 'still open', '', show($line) . ' ends the connection');
}
$pair->stop;
done_testing;
