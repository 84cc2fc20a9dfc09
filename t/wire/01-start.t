# The server starts, says who it is, and stops.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $version = Wire::Server::version();
like($version, qr/^\d+\.\d+\.\d+\z/, '-V names a version');

my $server = server();
my $c = $server->conn;
reply_is($c, "version\r\n", "VERSION $version\r\n", '`version` is that of -V');
reply_is($c, "mn\r\n", "MN\r\n", '`mn` answers');
stat_is($c, 'pid', $server->pid, 'it is the process that was started');
stat_is($c, 'version', $version);
$c->close;
ok($server->stop, 'SIGTERM ends it cleanly');

$server = server();
ok($server->stop('INT'), 'SIGINT ends it cleanly');

$server = server();
$c = $server->conn;
set_ok($c, 'kept', 'through SIGHUP');
$server->signal('HUP');
value_is($c, 'kept', 'through SIGHUP');
value_is($server->conn, 'kept', 'through SIGHUP', 'a new connection is served, too');
$server->stop;

$server = server();
my @open = conns($server, 20);
set_ok($_, 'a', 'b') for @open[ 0 .. 2 ];
$open[3]->put('set half 0 0 100');
$open[4]->put("set half 0 0 100\r\nhalf");
ok($server->stop, 'it ends cleanly with connections open and commands half sent');
ok($_->closed, 'and they are closed') for @open[ 3, 4 ];

done_testing;
