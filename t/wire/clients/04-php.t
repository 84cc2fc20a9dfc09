# PHP's memcached extension, in text mode.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

need_program('php', 'php-cli');
need_ok('the PHP extension memcached', 'php-memcached', 'php', '-r',
        'exit(class_exists("Memcached") ? 0 : 1);');
my $server = server();
script_is('php', 'php', "$FindBin::Bin/php_client.php", $server->port);
$server->stop;
done_testing;
