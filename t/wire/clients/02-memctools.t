# libmemcached's command line tools.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

need_program($_, 'libmemcached-tools')
    for qw(memcping memccp memccat memcstat memcrm memctouch memcexist memcflush);
my $server = server();
my $servers = '--servers=127.0.0.1:' . $server->port;
my $dir = Wire::Server::dir();

# Runs a tool; its status, and what it says if that is asked for.
sub tool_is {
    my ($name, $status, $said, $tool, @arguments) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($got, $text) = run_client($tool, $servers, @arguments);
    is($got, $status, $name) or diag($text);
    is($text, $said, "$name: what it says") if defined $said;
    return $text;
}

sub file_of {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print $out $text;
    close $out;
    return "$dir/$name";
}

tool_is('memcping finds the server', 0, '', 'memcping');
my $large = join '', map { chr(32 + $_ % 90) } 1 .. 300_000;
my @files = map { file_of(@$_) } [ 'one', 'first file' ], [ 'two', 'second' ], [ 'large', $large ];
tool_is('memccp stores files', 0, undef, 'memccp', @files);
tool_is('memccat reads one', 0, "first file\n", 'memccat', 'one');
tool_is('memccat reads several', 0, "first file\nsecond\n", 'memccat', 'one', 'two');
tool_is('memccat reads a large one', 0, "$large\n", 'memccat', 'large');
tool_is('memccp -F -e stores flags and an expiry', 0, undef, 'memccp', '--flags=77', '--expire=1000',
        $files[0]);
my $c = $server->conn;
is($c->retrieve('get one')->[0]{flags}, 77, ' ... the flags');
like($c->ask("mg one t\r\n"), qr/^HD t(?:1000|99\d)\r\n\z/, ' ... the expiry');
tool_is('memcexist finds', 0, undef, 'memcexist', 'one');
isnt((run_client('memcexist', $servers, 'nothing'))[0], 0, 'memcexist does not find');
tool_is('memctouch touches', 0, undef, 'memctouch', '--expire=2000', 'one');
like($c->ask("mg one t\r\n"), qr/^HD t(?:2000|199\d)\r\n\z/, ' ... the new expiry');
tool_is('memctouch makes it expire', 0, undef, 'memctouch', '--expire=1', 'two');
poll_ok { !defined $c->get('two') } ' ... and it does';
tool_is('memcrm deletes', 0, undef, 'memcrm', 'one');
value_is($c, 'one', undef, ' ... indeed');
isnt((run_client('memccat', $servers, 'one'))[0], 0, 'memccat of what is not there fails');
my $version = $server->version;
like(tool_is('memcstat', 0, undef, 'memcstat'), qr/^\s+version: \Q$version\E$/m, ' ... tells the version');
tool_is('memcflush', 0, undef, 'memcflush');
value_is($c, 'large', undef, ' ... empties the cache');

SKIP: {
    skip 'no memcaslap', 1 unless -x '/usr/bin/memcaslap';
    my ($status, $said) = run_client('memcaslap', '-s', '127.0.0.1:' . $server->port, '-x', '5000',
                                     '-T', '1', '-c', '4');
    like($said, qr/^cmd_get: \d+\ncmd_set: \d+/m, 'memcaslap: 5000 operations') or diag($said);
}
SKIP: {
    skip 'no memcslap', 1 unless -x '/usr/bin/memcslap';
    for my $how ([], ['--binary']) {
        my ($status, $said) = run_client('memcslap', $servers, '--concurrency=4',
                                         '--execute-number=500', '--test=set', @$how);
        is($status, 0, "memcslap @$how: 2000 stores") or diag($said);
        cmp_ok($server->conn->stats->{curr_items}, '>', 0, ' ... have been made');
        tool_is(' ... and are forgotten', 0, undef, 'memcflush');
    }
}
$server->stop;
done_testing;
