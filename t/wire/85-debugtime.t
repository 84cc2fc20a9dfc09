# debugtime: builds for debugging move the clock; any other knows no such command.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
set_ok($c, 'k', '1', 0, 100);
set_ok($c, 'long', '1', 0, 2_000);
my $reply = $c->command('debugtime 50');
if ($reply eq "ERROR\r\n") {
    value_is($c, 'k', '1', 'a command that does nothing');
    $server->stop;
    done_testing;
    exit;
}
is($reply, "OK\r\n");
for my $line ('debugtime', 'debugtime x', 'debugtime -1', 'debugtime 4294967295', 'debugtime 1 2') {
    reply_is($c, "$line\r\n", "ERROR\r\n", $line);
}
poll_ok { $c->ask("mg k t\r\n") =~ /^HD t(?:49|50)\r\n\z/ } 'half the time of an item is over';
like($c->ask("mg long t\r\n"), qr/^HD t19[45]\d\r\n\z/, ' ... of each by as much');
reply_is($c, "debugtime 60\r\n", "OK\r\n");
poll_ok { !defined $c->get('k') } ' ... and all of it';
value_is($c, 'long', '1');
set_ok($c, 'k', '2', 0, 100);
like($c->ask("mg k t\r\n"), qr/^HD t(?:99|100)\r\n\z/, 'what is stored then counts from then');
set_ok($c, 'absolute', '1', 0, time + 1_000);
like($c->ask("mg absolute t\r\n"), qr/^HD t8[89]\d\r\n\z/, 'UNIX times have come nearer');
reply_is($c, "flush_all 30\r\ndebugtime 31\r\n", "OK\r\nOK\r\n");
poll_ok { !defined $c->get('k') } 'a flush that is to come comes sooner';
$server->stop;
done_testing;
