# The process: user, daemon, pid file, signals, the shutdown command.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my @user = Wire::Server::user_options();
my $dir = Wire::Server::dir();

sub text_of { my ($path) = @_; open my $in, '<', $path or return ''; local $/; return <$in> // '' }

# -d -P
my $port = Wire::Server::free_port();
my $pidfile = "$dir/memcached.pid";
my $parent = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', $port, '-d', '-P', $pidfile);
is($parent->wait_end, 0, '-d: the command returns');
my $pid = poll_until { text_of($pidfile) =~ /^(\d+)\n\z/ ? $1 : 0 };
ok($pid, '-P: the pid file appears');
my $c;
poll_ok { $c = Wire::Conn->open($port) } ' ... and it serves';
if ($pid && $c) {
    stat_is($c, 'pid', $pid, ' ... as the process that the pid file names');
    isnt($pid, $parent->pid, ' ... which is another than was started');
    set_ok($c, 'a', '1');
    like(readlink "/proc/$pid/fd/0" // '', qr{^/dev/null}, ' ... detached from the terminal');
    is((split / /, text_of("/proc/$pid/stat"))[5], $pid, ' ... a session of its own');
    kill 'TERM', $pid;
    poll_ok { !kill 0, $pid } 'SIGTERM ends it';
    ok(!-e $pidfile, ' ... and removes the pid file');
    kill 'KILL', $pid;
}
is($parent->stderr, '', ' ... without a word');

# -P without -d
my $server = server('-P', $pidfile);
poll_ok { text_of($pidfile) eq $server->pid . "\n" } '-P without -d';
$server->stop;
unlink $pidfile;

# -u
SKIP: {
    skip 'not root', 4 if $>;
    my @nobody = getpwnam('nobody') or skip 'no user nobody', 4;
    my $server = server('-u', 'nobody');
    my $status = text_of('/proc/' . $server->pid . '/status');
    like($status, qr/^Uid:\s$nobody[2]\s$nobody[2]\s$nobody[2]\s$nobody[2]$/m, '-u: the user');
    like($status, qr/^Gid:\s$nobody[3]\s$nobody[3]\s$nobody[3]\s$nobody[3]$/m, ' ... and the group');
    reply_is($server->conn, "set a 0 0 1\r\n1\r\n", "STORED\r\n", ' ... serves');
    ok($server->stop, ' ... and ends cleanly');
}

# shutdown
for my $row ([ 'shutdown', 'shutdown' ], [ 'shutdown graceful', 'shutdown graceful' ]) {
    my ($command, $name) = @$row;
    my $server = server('-A');
    my $c = $server->conn;
    set_ok($c, 'a', '1');
    is($c->stats('settings')->{shutdown_command}, 'yes', '-A: stats settings say so');
    reply_closes($c, "$command\r\n", '', "$name closes without a word");
    is($server->wait_end, 0, ' ... and the process ends with status 0');
    $server->stop;
}

# Signals
for my $signal ('TERM', 'INT', 'USR1') {
    my $server = server();
    my @open = conns($server, 5);
    $_->put("get a\r\n") for @open;
    $server->signal($signal);
    is($server->wait_end, 0, "SIG$signal ends it with status 0");
    ok($_->closed, ' ... and the connections are closed') for $open[0];
    $server->stop;
}
# Who wants to hear more is told of an end, and whoever stops it gracefully in any case.
for my $row ([ 'TERM', [], '' ],                    [ 'USR1', [], "Gracefully stopping\n" ],
             [ 'TERM', ['-v'], "Exiting normally\n" ], [ 'INT', ['-v'], "Exiting normally\n" ]) {
    my ($signal, $options, $said) = @$row;
    my $server = server(@$options);
    $server->conn->command('mn');
    $server->signal($signal);
    is($server->wait_end, 0, "@$options: SIG$signal ends it");
    is($server->stderr, $said, ' ... and that is said');
    $server->stop;
}

# A file of ports, or of the pid, that cannot be written is a warning.
{
    local $ENV{MEMCACHED_PORT_FILENAME} = "$dir/none/ports";
    my $server = server('-P', "$dir/none/pid");
    like($server->stderr, qr/^Failed to open "\Q$dir\E\/none\/ports\.lck": No such file or directory/m,
         'no file for the ports');
    poll_ok { $server->stderr =~ /^Could not open the pid file \Q$dir\E\/none\/pid\.tmp for writing: No such file or directory/m }
        'no file for the pid';
    reply_is($server->conn, "mn\r\n", "MN\r\n", ' ... and it serves');
    $server->stop;
}

$server = server();
$c = $server->conn;
set_ok($c, 'a', '1');
$server->signal('HUP');
$server->signal('PIPE');
reply_is($c, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", 'SIGHUP and SIGPIPE do not') for 1 .. 3;
$server->signal('STOP');
my $other = Wire::Conn->open($server->port);
$other->put("get a\r\n");
$server->signal('CONT');
is($other->line, "VALUE a 0 1\r\n", 'stopped and continued it goes on');
$server->stop;

# Under load it ends as cleanly.
$server = server();
my @busy = conns($server, 10);
$_->put("set b 0 0 1000\r\n" . 'b' x 1000 . "\r\nget b\r\n" x 50, seconds => 1) for @busy;
ok($server->stop, 'SIGTERM under load');
done_testing;
