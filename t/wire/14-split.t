# However a stream is cut into packets, it means the same.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

# A request cut in two at every byte, each half in a packet of its own.
my $stream = "set cut 7 0 10\r\n0123456789\r\nget cut nocut\r\nincr cut 1\r\ndelete cut\r\n"
    . "foo\r\nset cut 0 0 2\r\nabc\r\nmn\r\n";
my $answer = "STORED\r\nVALUE cut 7 10\r\n0123456789\r\nEND\r\n123456790\r\nDELETED\r\n"
    . "ERROR\r\nCLIENT_ERROR bad data chunk\r\nERROR\r\nMN\r\n";
my $wrong = 0;
for my $at (1 .. length($stream) - 1) {
    # The barrier makes sure that the server is idle and reads the first half alone.
    my $got = $c->ask('');
    $c->put(substr $stream, 0, $at);
    $server->conn->ask('') if $at % 10 == 0;
    $c->put(substr $stream, $at);
    $got .= $c->take_expected($answer);
    $wrong++, diag("cut at $at: " . show($got)) if $got ne $answer;
    $c->reconnect if $got ne $answer;
}
is($wrong, 0, 'a stream cut in two at every byte');

$c->put($_) for split //, $stream;
is($c->take_expected($answer), $answer, 'every byte in a packet of its own');

# A large value cut at odd places
my $value = join '', map { chr(33 + $_ % 90) } 0 .. 99_999;
for my $piece (1000, 1447, 4095, 4096, 16383, 16384, 16385, 65535) {
    my $request = "set big 0 0 100000\r\n$value\r\nget big\r\n";
    $c->put(substr $request, $_ * $piece, $piece) for 0 .. int(length($request) / $piece);
    my $want = "STORED\r\nVALUE big 0 100000\r\n$value\r\nEND\r\n";
    is($c->take_expected($want), $want, "a value of 100,000 bytes in pieces of $piece");
}

# Pipelines: all of it in one write, and chopped.
my ($requests, $replies) = ('', '');
for my $n (1 .. 500) {
    my $data = 'v' x ($n % 97) . $n;
    $requests .= "set p$n $n 0 " . length($data) . "\r\n$data\r\nget p$n\r\n";
    $replies .= "STORED\r\nVALUE p$n $n " . length($data) . "\r\n$data\r\nEND\r\n";
    $requests .= "incr p$n 1 noreply\r\nset q 0 0 1 noreply\r\n1\r\n" if $n % 3 == 0;
    $requests .= "delete p$n\r\n", $replies .= "DELETED\r\n" if $n % 5 == 0;
    $requests .= "nonsense $n\r\n", $replies .= "ERROR\r\n" if $n % 7 == 0;
    $requests .= "touch p$n 0\r\ngat 0 none\r\n",
        $replies .= ($n % 5 ? "TOUCHED\r\n" : "NOT_FOUND\r\n") . "END\r\n" if $n % 11 == 0;
}
reply_is($c, $requests, $replies, 'a pipeline of more than 1000 commands in one write');
my $seed = 12345;
for my $most (7, 100, 3000) {
    my $left = $requests . "mn\r\n";
    while (length $left) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        $c->put(substr $left, 0, 1 + $seed % $most, '');
    }
    is($c->take_expected($replies . "MN\r\n"), $replies . "MN\r\n",
       "the same chopped into packets of at most $most bytes");
}
reply_is($c, "get p1\r\n" x 10000, "VALUE p1 1 2\r\nv1\r\nEND\r\n" x 10000, '10,000 gets in one write');
reply_is($c, "set p1 1 0 2\r\nv1\r\n" x 10000, "STORED\r\n" x 10000, '10,000 sets in one write');
reply_is($c, "set p1 1 0 2 noreply\r\nv2\r\n" x 10000 . "get p1\r\n",
         "VALUE p1 1 2\r\nv2\r\nEND\r\n", '10,000 silent sets and a get');
reply_is($c, join('', map { "set b 0 0 20000\r\n" . chr(97 + $_) x 20000 . "\r\nget b\r\n" } 0 .. 25),
         join('', map { "STORED\r\nVALUE b 0 20000\r\n" . chr(97 + $_) x 20000 . "\r\nEND\r\n" } 0 .. 25),
         'sets and gets of larger values in one write');

# Several connections, their packets interleaved
my @many = conns($server, 10);
for my $from (0 .. 19) {
    my $request = "set inter 0 0 4\r\nabcd\r\nget none\r\n";
    my $length = length $request;
    my $step = int($length / 20) + 1;
    $_->put(substr($request, $from * $step, $step) // '') for grep { $from * $step < $length } @many;
}
is($_->take(13), "STORED\r\nEND\r\n", 'a connection among ten interleaved') for @many;

# Half a command and then the end: nothing of it is done.
for my $half ('set half 0 0 4', "set half 0 0 4\r\n", "set half 0 0 4\r\nab", "set half 0 0 4\r\nabcd",
              "set half 0 0 4\r\nabcd\r", 'delete p1') {
    my $short = $server->conn;
    $short->put($half);
    shutdown $short->{sock}, 1;
    is($short->take_all, '', 'half a command and the end: closed: ' . show($half));
}
value_is($c, 'half', undef, ' ... and nothing is stored');
value_is($c, 'p1', 'v2', ' ... nor deleted');

# A client that closes its sending side still gets its answers.
my $finished = $server->conn;
$finished->put("get p1\r\n" x 1000);
shutdown $finished->{sock}, 1;
is(length($finished->take_all // ''), 1000 * length("VALUE p1 1 2\r\nv2\r\nEND\r\n"),
   'a client that has said all still gets its answers');

$server->stop;
done_testing;
