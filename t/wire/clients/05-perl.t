# Perl's Cache::Memcached.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

need_ok('Cache::Memcached', 'libcache-memcached-perl', 'perl', '-MCache::Memcached', '-e', '1');
my $server = server();
my $address = '127.0.0.1:' . $server->port;
require Cache::Memcached;
my $m = Cache::Memcached->new({ servers => [ $address ], compress_threshold => 0,
                                select_timeout => Wire::Server::timeout() });

ok($m->set('k', 'v'), 'set');
is($m->get('k'), 'v', 'get');
is($m->get('missing'), undef, 'get of a miss');
ok($m->set('ref', { a => [ 1, 2, 3 ] }), 'set of a reference');
is_deeply($m->get('ref'), { a => [ 1, 2, 3 ] }, 'comes back as it went');
ok(!$m->add('k', 'w'), 'add of a held key');
ok($m->add('new', 'w'), 'add');
ok($m->replace('new', 'x'), 'replace');
is($m->get('new'), 'x');
ok(!$m->replace('missing', 'x'), 'replace of a miss');
ok($m->append('new', 'y'), 'append');
ok($m->prepend('new', 'w'), 'prepend');
is($m->get('new'), 'wxy');

$m->set("many$_", "value $_") for 1 .. 300;
my $found = $m->get_multi(map({ "many$_" } 1 .. 300), 'missing');
is_deeply($found, { map { ("many$_" => "value $_") } 1 .. 300 }, 'get_multi');

ok($m->set('n', 9), 'a number');
is($m->incr('n'), 10, 'incr');
is($m->decr('n', 3), 7, 'decr');
cmp_ok($m->decr('n', 100), '==', 0, 'decr below zero');
is($m->incr('missing'), undef, 'incr of a miss');

# The module has no touch: a set with another time does it.
ok($m->set('n', 1, 100), 'set with a time');
like($server->conn->ask("mg n t\r\n"), qr/^HD t(?:99|100)\r\n\z/, ' ... that arrives');
ok($m->delete('n'), 'delete');
ok(!$m->delete('n'), 'delete of a miss');
ok($m->set('short', 'x', 2), 'expiry');
is($m->get('short'), 'x', ' ... there at first');
poll_ok { !defined $m->get('short') } ' ... then gone';

my $big = join '', map { chr($_ % 256) } 1 .. 800_000;
ok($m->set('big', $big), 'a large value');
is($m->get('big'), $big, ' ... comes back as it went');
ok(!$m->set('big', $big x 2), 'a value too large');
is($m->get('big'), undef, ' ... drops the old one');
is($m->get('k'), 'v', ' ... and the client goes on');

my $stats = $m->stats([ 'misc' ]);
cmp_ok($stats->{hosts}{$address}{misc}{curr_items}, '>', 300, 'stats');
ok($m->flush_all, 'flush_all');
is($m->get('k'), undef, ' ... empties the cache');
$m->disconnect_all;
$server->stop;
done_testing;
