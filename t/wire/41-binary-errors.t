# The binary protocol: what is malformed, too large, out of place, cut in pieces or pipelined; and -B.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;

my $server = server();
my $c = $server->conn;
my $missing = 'not found "Not found"';

# A body of the wrong shape ends the connection: nobody knows where the next request begins.
for my $row (
    [ 'a get without a key',        ask('get') ],
    [ 'a get with extras',          ask(get => 'a', FOR_EVER) ],
    [ 'a get with a value',         ask(get => 'a', '', 'v') ],
    [ 'a quiet get without a key',  ask('getq') ],
    [ 'a set without extras',       ask(set => 'a', '', 'v') ],
    [ 'a set with short extras',    ask(set => 'a', 'xxxxxxx', 'v') ],
    [ 'a set with long extras',     ask(set => 'a', 'x' x 255, 'v') ],
    [ 'a set without a key',        ask(set => '', STORE, 'v') ],
    [ 'an append with extras',      ask(append => 'a', STORE, 'v') ],
    [ 'a delete with extras',       ask(delete => 'a', STORE) ],
    [ 'a delete with a value',      ask(delete => 'a', '', 'v') ],
    [ 'a delete without a key',     ask('delete') ],
    [ 'an incr with short extras',  ask(incr => 'a', STORE) ],
    [ 'an incr with a value',       ask(incr => 'a', by(1), 'v') ],
    [ 'an incr without a key',      ask(incr => '', by(1)) ],
    [ 'a touch without extras',     ask(touch => 'a') ],
    [ 'a gat without extras',       ask(gat => 'a') ],
    [ 'a touch without a key',      ask(touch => '', FOR_EVER) ],
    [ 'a noop with a key',          ask(noop => 'a') ],
    [ 'a noop with extras',         ask(noop => '', STORE) ],
    [ 'a noop with a value',        ask(noop => '', '', 'v') ],
    [ 'a version with a key',       ask(version => 'a') ],
    [ 'a flush with a key',         ask(flush => 'a') ],
    [ 'a flush with long extras',   ask(flush => '', STORE) ],
    [ 'a quiet flush with a key',   ask(flushq => 'a') ],
    [ 'a quit with a key',          ask(quit => 'a') ],
    [ 'a quiet quit with a key',    ask(quitq => 'a') ],
    [ 'a stat with extras',         ask(stat => 'items', STORE) ],
    [ 'a list of mechanisms with a key', ask(sasl_list => 'a') ],
    [ 'an authentication without a mechanism', ask(sasl_auth => '', '', 'v') ],
    [ 'a key of 251 bytes',         ask(get => 'k' x 251) ],
    [ 'a set with a key of 251 bytes', ask(set => 'k' x 251, STORE, 'v') ],
    [ 'a stat with a key of 251 bytes', ask(stat => 'k' x 251) ],
    [ 'an unknown opcode with a key of 251 bytes', ask(0x99 => 'k' x 251) ],
) {
    my ($name, $request) = @$row;
    my ($told) = told(pack('CC', 0x81, ord substr $request, 1, 1) . pack('x2x2nNNx8', 4, 17, 0x5ca1ab1e)
                      . 'Invalid arguments');
    binary_closes($c, $request, $told, $name);
}
for my $row ([ 'get', 'a', '', '', 0 ], [ 'get', 'abcdef', '', '', 3 ], [ 'set', 'a', STORE, '', 5 ],
             [ 'noop', 'a', '', '', 0 ], [ '153', 'a', '', '', 0 ]) {
    my ($name, $key, $extras, $value, $body_bytes) = @$row;
    my $request = ask($name, $key, $extras, $value, body_bytes => $body_bytes);
    my $shown = $name eq '153' ? '0x99' : $name;
    binary_closes($c, $request, qq($shown: unknown "Unknown command"),
                  "$name: a body shorter than what it holds");
}
binary_closes($c, ask(get => 'a', '', 'v', body_bytes => 0xffffffff),
              'get: invalid "Invalid arguments"', 'a body that will not come is not waited for');
binary_closes($c, ask('noop') . 'get a' . "\r\n" x 10, 'noop:', 'text behind binary');
binary_closes($c, ask('noop') . ask('noop', '', '', '', magic => 0x81), 'noop:', 'a reply as a request');
binary_is($c, ask('noop'), 'noop:', 'the server is well');

# Too large
my $big = 'x' x 1_048_576;
for my $name (qw(set setq add addq replace replaceq append appendq prepend prependq)) {
    my $extras = $name =~ /pend/ ? '' : STORE;
    binary_is($c, ask(set => 'big', STORE, 'old'), 'set:');
    binary_is($c, ask($name => 'big', $extras, $big), qq($name: too large "Too large."),
              "$name of too large a value");
    binary_is($c, ask(get => 'big'),
              $name =~ /^set/ ? "get: $missing" : 'get: [00000007] "old"', ' ... and what was there');
}
binary_is($c, ask(set => 'big', STORE, 'x' x 600_000), 'set:');
binary_is($c, ask(append => 'big', '', 'x' x 600_000), 'append: not stored "Not stored."',
          'append makes it too large');

$c->put(ask(set => 'big', STORE, '', body_bytes => 0x80000020));
is(told($c->take_past('Too large.')), 'set: too large "Too large."', 'a value of more than 2 GB');
$c->put('x' x 100);
is($c->take_all, '', ' ... is not waited for');
$c->reconnect;

# Sizes
for my $bytes (1, 100, 8100, 8192, 10_000, 70_000, 500_000, 1_000_000) {
    my $value = join '', map { chr(33 + $_ % 90) } 0 .. 99;
    $value = substr $value x ($bytes / 100 + 1), 0, $bytes;
    binary_is($c, ask(setq => 'v', STORE, $value), '', "store $bytes bytes");
    my $got = binary_like($c, ask(get => 'v'), qr/^get: /);
    ok($got eq pack('CCnCCnNNQ>', 0x81, 0, 0, 4, 0, 0, 4 + $bytes, 0x5ca1ab1e, cas_of_binary($c, 'v'))
       . pack('N', 7) . $value, ' ... and get them');
}

# A stream cut in two at every byte
my $stream = ask(set => 'cut', STORE, '0123456789') . ask(getk => 'cut') . ask(getq => 'none')
    . ask(incr => 'cut', by(1)) . ask(delete => 'cut') . ask(0x77) . ask('noop');
my $answer = 'set:; getk: [00000007] k=cut "0123456789"; incr: 123456790; delete:; '
    . '0x77: unknown "Unknown command"; noop:';
my $answer_bytes = length binary_like($c, $stream, qr/^\Q$answer\E\z/, 'a stream of requests');
my $wrong = 0;
for my $at (1 .. length($stream) - 1) {
    $c->put(substr $stream, 0, $at);
    $server->conn->ask('') if $at % 10 == 0;
    $c->put(substr $stream, $at);
    my $got = told($c->take($answer_bytes));
    next if $got eq $answer;
    $wrong++;
    diag("cut at $at: $got");
    $c->reconnect;
}
is($wrong, 0, ' ... cut in two at every byte');
$c->put($_) for split //, $stream;
is(told($c->take($answer_bytes)), $answer, ' ... and every byte in a packet of its own');

# Pipelines
my ($requests, $replies) = ('', '');
for my $n (1 .. 500) {
    my $value = 'v' x ($n % 97) . $n;
    $requests .= ask(set => "p$n", pack('NN', $n, 0), $value) . ask(get => "p$n") . ask(getq => 'none');
    $replies .= 'set:; ' . sprintf('get: [%08x] "%s"; ', $n, $value);
    $requests .= ask(setq => 'q', STORE, '1') . ask(incrq => 'q', by(1)) if $n % 3 == 0;
    $requests .= ask(delete => "p$n"), $replies .= 'delete:; ' if $n % 5 == 0;
    $requests .= ask(0x66), $replies .= '0x66: unknown "Unknown command"; ' if $n % 7 == 0;
}
$requests .= ask('noop');
$replies .= 'noop:';
my $reply_bytes = length binary_like($c, $requests, qr/^\Q$replies\E\z/, 'a pipeline in one write');
my $seed = 12345;
for my $most (7, 100, 3000) {
    my $left = $requests;
    while (length $left) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        $c->put(substr $left, 0, 1 + $seed % $most, '');
    }
    ok(told($c->take($reply_bytes)) eq $replies, "the same chopped into packets of at most $most bytes");
}
binary_is($c, ask(setq => 'q', STORE, 'qq') x 10_000 . ask(get => 'q'), 'get: [00000007] "qq"',
          '10,000 quiet sets and a get');
my $large = 'L' x 20_000;
binary_is($c, join('', map { ask(setq => 'l', STORE, chr(97 + $_) x 20_000) . ask(getq => 'l') } 0 .. 25),
          told(join '', map { pack('CCnCCnNNQ>', 0x81, 9, 0, 4, 0, 0, 20_004, 0x5ca1ab1e, 0) . pack('N', 7)
                              . chr(97 + $_) x 20_000 } 0 .. 25), 'larger values in one write');

# Half a request, and then the end: nothing of it is done.
binary_is($c, ask(set => 'p1', STORE, 'v'), 'set:');
for my $row ([ set => 'half', STORE, 'abcd' ], [ set => 'half', STORE, 'x' x 100_000 ], [ delete => 'p1' ]) {
    my $request = ask(@$row);
    for my $left (1, 5, length($request) - 10) {
        my $short = $server->conn;
        $short->put(substr $request, 0, length($request) - $left);
        shutdown $short->{sock}, 1;
        is($short->take_all, '', "$row->[0] but its last $left bytes, and the end");
    }
}
binary_is($c, ask(get => 'half'), "get: $missing", ' ... nothing is stored');
binary_is($c, ask(get => 'p1'), 'get: [00000007] "v"', ' ... nor deleted');

# Bytes without meaning: an answer or an end, and the server goes on.
$seed = 54321;
for my $round (1 .. 200) {
    my $junk = chr 0x80;
    for (1 .. 200) {
        $seed = ($seed * 1103515245 + 12345) % 2147483648;
        $junk .= chr(($seed >> 16) % ($round % 3 ? 256 : 40));
    }
    my $bad = $server->conn;
    $bad->put($junk);
    $bad->close;
}
binary_is($c, ask('noop'), 'noop:', '200 connections of junk later');
$server->stop;

# -B
my %answers = (auto => [ 1, 1 ], ascii => [ 1, 0 ], binary => [ 0, 1 ]);
for my $protocol (sort keys %answers) {
    my $bound = server('-B', $protocol);
    my ($text, $binary) = @{ $answers{$protocol} };
    my $b = $bound->conn;
    if ($binary) {
        binary_is($b, ask('noop'), 'noop:', "-B $protocol: binary is spoken");
    } else {
        $b->put(ask('noop') . "\r\n");
        is($b->line, "ERROR\r\n", "-B $protocol: binary is an odd line");
    }
    my $t = $bound->conn;
    if ($text) {
        reply_is($t, "get a\r\n", "END\r\n", "-B $protocol: text is spoken");
        $t->put(ask('noop') . "\r\n");
        is($t->line, "ERROR\r\n", ' ... and remains so on its connection');
    } else {
        binary_closes($t, "get a\r\n" x 4, '', "-B $protocol: text ends the connection");
    }
    my $shown = $protocol eq 'auto' ? 'auto-negotiate' : $protocol;
    my $setting = $text ? $bound->conn->stats('settings')->{binding_protocol}
        : told(binary_like($b, ask(stat => 'settings'), qr/stat:\z/)) =~ /k=binding_protocol "([^"]*)"/
        ? $1 : '';
    is($setting, $shown, " ... stats settings: $shown");
    $bound->stop;
}

# -vv shows the heads in hexadecimal. The first request is over when the listener, too, has said its word.
my $verbose = server('-vv');
my $shown = $verbose->conn;
binary_is($shown, ask(getk => 'first'), 'getk: not found k=first');
binary_is($shown, ask(getk => 'abc', '', '', bucket => 0x1234), 'getk: not found k=abc');
poll_ok { $verbose->stderr =~ /^>\d+   0x81 0x0c 0x00 0x03\n>\d+   0x00 0x00 0x00 0x01\n/m } '-vv: a reply';
like($verbose->stderr, qr/^<\d+ Read binary protocol data:\n<\d+    0x80 0x0c 0x00 0x03\n<\d+    0x00 0x00 0x12 0x34\n/m,
     '-vv: a request');
$verbose->stop;

# Settings that change answers
my $strict = server(qw(-F -C));
my $s = $strict->conn;
binary_is($s, ask('flush') . ask('flushq') . ask(flush => '', FOR_EVER),
          join('; ', map { qq($_: not allowed "Auth failure.") } qw(flush flushq flush)), '-F');
binary_is($s, ask(set => 'a', STORE, '1', cas => 5) . ask(incr => 'a', by(1)), 'set:; incr: 2', '-C');
is($strict->conn->stats->{cmd_flush}, 0, ' ... which does not count');
is(cas_of_binary($s, 'a'), 0, ' ... there are no CAS values');
binary_is($s, ask(delete => 'a', '', '', cas => 1), 'delete: exists "Data exists for key."');
$strict->stop;

my $full = server(qw(-M -m 2 -I 512k));
my $f = $full->conn;
my $refused = 0;
for my $n (1 .. 100) {
    $f->put(ask(setq => "f$n", STORE, 'x' x 100_000) . ask('noop'));
    my $told = told($f->take(24));
    next if $told eq 'noop:';
    $f->take(29 + 24);
    $refused = 1;
    last;
}
ok($refused, '-M: at last there is no room');
binary_like($f, ask(set => 'more', STORE, 'x' x 100_000) x 3,
            qr/set: no memory "Out of memory allocating item"/, ' ... and the text says so');
$full->stop;
done_testing;
