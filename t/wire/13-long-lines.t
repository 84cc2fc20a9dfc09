# Lines without an end, lines from browsers: which are served and which close the connection.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
set_ok($c, 'a', '1');
my $a = "VALUE a 0 1\r\n1\r\nEND\r\n";

# 2048 bytes without a newline are waited on; more are not, unless it is a get.
for my $start ('x', 'set ', 'delete ', 'gat 0 ', 'gats 0 ', 'GET ', 'mg ', 'ms ', 'incr ') {
    my $line = $server->conn;
    $line->put($start . 'x' x (2048 - length $start));
    $line->put("\r\n");
    like($line->line, qr/^(?:ERROR|CLIENT_ERROR bad command line format)\r\n\z/,
         "'$start' and more, 2048 bytes before the line ends: an error");
    value_is($line, 'a', '1', ' ... that the connection survives');
    reply_closes($server->conn, $start . ' ' x (2049 - length $start), '',
                 "'$start' and spaces, 2049 bytes without an end: closed");
    reply_closes($server->conn, $start . 'x' x 100_000, '', "'$start' and 100,000 bytes: closed");
}
for my $verb ('get', 'gets') {
    my $long = $server->conn;
    $long->put("$verb " . ' ' x 5000);
    $long->put(' ' x 5000 . 'a');
    $long->put("\r\nmn\r\n");
    like($long->take_past("MN\r\n"), qr/^VALUE a 0 1(?: \d+)?\r\n1\r\nEND\r\nMN\r\n\z/,
         "$verb with 10,000 spaces is served");
}
reply_is($c, 'get' . ' ' x 2048 . "a\r\n", $a, 'get with a run of 2 KB of spaces');
reply_is($c, 'get ' . 'a ' x 1024 . "\r\n", "VALUE a 0 1\r\n1\r\n" x 1024 . "END\r\n",
         'get with 1024 keys');
reply_is($c, 'gets ' . ('missing' . 'x' x 90 . ' ') x 30000 . "\r\n", "END\r\n", 'gets of 3 MB');

reply_closes($server->conn, 'x' x 17000 . "\r\n", '', 'a line of 17,000 bytes with its end at hand: closed');
reply_is($c, 'mg a ' . 'v ' x 8000 . "\r\n", "CLIENT_ERROR options flags are too long\r\n",
         'a meta command of 16,000 bytes is answered');
for my $line ('mg a ' . 'v ' x 8500, 'ms a 1 ' . 'v ' x 8500, 'md a' . ' ' x 17000) {
    reply_closes($server->conn, "$line\r\n", '', ' ... of 17,000 it closes');
}
reply_is($c, 'get' . ' ' x 17000 . "a\r\n", $a, ' ... a get is served');

# The same in small pieces
my $slow = $server->conn;
$slow->put('get ');
$slow->put("missing$_ ") for 1 .. 2000;
$slow->put("a\r\nmn\r\n");
is($slow->take_past("MN\r\n"), "${a}MN\r\n", 'a long get that comes key by key');

# HTTP: closed without a word, as a browser must not be able to run commands.
for my $line ('GET / HTTP/1.1', 'GET /index.html HTTP/1.0', 'GET x HTTP/1.1', 'POST / HTTP/1.1',
              'PUT / HTTP/1.1', 'HEAD / HTTP/1.1', 'DELETE / HTTP/1.1', 'OPTIONS * HTTP/1.1',
              'PATCH / HTTP/1.1', 'FOO / HTTP/1.1', 'PRI * HTTP/2.0') {
    reply_closes($server->conn, "$line\r\nHost: localhost\r\n\r\n", '', "$line: closed");
}
reply_closes($server->conn, "POST / HTTP/1.1\r\nContent-Length: 21\r\n\r\nset a 0 0 4\r\nevil\r\n", '',
             'commands in the body of a request are not run');
value_is($c, 'a', '1', ' ... indeed');
reply_is($c, "set h 0 0 14\r\nGET / HTTP/1.1\r\n", "STORED\r\n", 'such a line is a value like any');
for my $line ('GET /', 'GET / x', 'POST /', 'PUT x', 'HTTP/1.1 200 OK') {
    reply_is($c, "$line\r\n", "ERROR\r\n", "'$line' is only an error");
}
reply_is($c, "get / HTTP/1.1\r\n", "END\r\n", 'a get is a get');
value_is($c, 'a', '1', 'and the server is well');

$server->stop;
done_testing;
