# Python's pymemcache.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

need_ok('pymemcache', 'python3-pymemcache', '/usr/bin/python3', '-c', 'import pymemcache');
my $server = server();
script_is('pymemcache', '/usr/bin/python3', "$FindBin::Bin/pymemcache_client.py", $server->port);
$server->stop;
done_testing;
