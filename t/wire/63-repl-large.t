# An item of a hundred megabytes in a pair: streamed, touched, sent to one that starts anew, deleted.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $value = join '', map { pack('N', $_) . chr(ord('a') + $_ % 26) x 1_048_572 } 1 .. 100;

my $pair = pair('-m', 240, '-I', '120m');
my $c = $pair->master->conn;
is($c->set('large', $value), "STORED\r\n", '100 MB');
$pair->settle;
ok($pair->slave->conn->get('large') eq $value, ' ... are at the slave');
is($c->command('touch large 1000'), "TOUCHED\r\n");
$pair->settle;
like($pair->slave->conn->command('mg large t'), qr/^HD t(?:1000|99\d)\r\n\z/, ' ... touched there too');
my $number = 1 - $pair->master_number;
$pair->node($number)->stop;
$pair->start($number);
$pair->whole_ok('a slave that starts anew');
ok(($pair->node($number)->conn->get('large') // '') eq $value, ' ... gets them by full sync');
is($c->command('delete large'), "DELETED\r\n");
$pair->settle;
value_is($pair->slave->conn, 'large', undef, ' ... deleted there too');
$pair->stop;
done_testing;
