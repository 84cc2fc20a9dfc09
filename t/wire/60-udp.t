# Requests by UDP: commands, frames, replies of several datagrams, and what is not answered.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

# One worker, so that datagrams are answered in the order in which they were sent.
my $server = Wire::Server->start_with_udp('-t', 1, '-I', '4m');
my $u = $server->udp;
my $c = $server->conn;

sub said_is {
    my ($request, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $u->ask($request);
    is($got, $want, $name // show($request));
    $u = $server->udp unless defined $got && $got eq $want;
}

# One request, one reply
for my $id (0, 1, 0xabcd, 0xffff) {
    $u->{id} = $id - 1;
    $u->request("get none\r\n");
    my $reply = $u->reply;
    is_deeply($reply, { id => $id, total => 1, count => 1, data => "END\r\n" },
              "a reply has the number of its request: $id");
}

# The commands
said_is("set a 5 0 1\r\n1\r\n", "STORED\r\n");
value_is($c, 'a', '1', ' ... it is one cache');
said_is("get a\r\n", "VALUE a 5 1\r\n1\r\nEND\r\n");
said_is("get none a none a\r\n", "VALUE a 5 1\r\n1\r\nVALUE a 5 1\r\n1\r\nEND\r\n");
like($u->ask("gets a\r\n"), qr/^VALUE a 5 1 \d+\r\n1\r\nEND\r\n\z/, 'gets');
said_is("add a 0 0 1\r\n2\r\nreplace a 0 0 1\r\n3\r\n", "NOT_STORED\r\nSTORED\r\n");
said_is("append a 0 0 1\r\n4\r\nprepend a 0 0 1\r\n2\r\nget a\r\n",
        "STORED\r\nSTORED\r\nVALUE a 0 3\r\n234\r\nEND\r\n");
said_is("incr a 1\r\ndecr a 35\r\n", "235\r\n200\r\n");
said_is("touch a 0\r\ngat 0 a\r\n", "TOUCHED\r\nVALUE a 0 3\r\n200\r\nEND\r\n");
my ($cas) = $u->ask("gets a\r\n") =~ / (\d+)\r\n200/;
said_is("cas a 0 0 1 $cas\r\n1\r\ncas a 0 0 1 $cas\r\n2\r\n", "STORED\r\nEXISTS\r\n");
said_is("delete a\r\ndelete a\r\n", "DELETED\r\nNOT_FOUND\r\n");
said_is("ms a 2 T0\r\nhi\r\nmg a v s\r\nmg none v\r\nmd a\r\n",
        "HD\r\nVA 2 s2\r\nhi\r\nEN\r\nHD\r\n");
said_is("set a 0 0 1 noreply\r\n1\r\ndelete a noreply\r\n", '', 'noreply');
said_is("version\r\n", 'VERSION ' . $server->version . "\r\n");
said_is("verbosity 0\r\n", "OK\r\n");
said_is("flush_all\r\n", "OK\r\n");
said_is("nonsense\r\n", "ERROR\r\n");
said_is("get " . 'k' x 251 . "\r\n", "CLIENT_ERROR bad command line format\r\n", 'a key too long');
said_is("set a 0 0 2\r\n12345\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n");
said_is("shutdown\r\n", "ERROR: shutdown not enabled\r\n");
like($u->ask("stats\r\n"), qr/^STAT pid @{[$server->pid]}\r\n.*\r\nEND\r\n\z/s,
     'stats, in more than one datagram');
for my $group ('settings', 'slabs', 'conns') {
    like($u->ask("stats $group\r\n"), qr/^(?:STAT [^\r]*\r\n)+END\r\n\z/, "stats $group");
}

# The binary protocol: each datagram begins anew, and each request has its own reply.
sub head {
    my ($magic, $opcode, $key, $extras, $value, $status, $cas) = @_;
    my $body = $extras . $key . $value;
    return pack('CCnCCnNNNN', $magic, $opcode, length $key, length $extras, 0, $status // 0,
                length $body, 7, 0, $cas // 0) . $body;
}
$u->request(head(0x80, 1, 'bin', pack('NN', 9, 0), 'value'));
like($u->reply->{data}, qr/^\x81\x01.{22}\z/s, 'binary set');
said_is("get bin\r\n", "VALUE bin 9 5\r\nvalue\r\nEND\r\n", ' ... then text');
my $quiet = head(0x80, 0x09, 'none', '', '') . head(0x80, 0x09, 'bin', '', '');
$u->request($quiet . head(0x80, 0x0a, '', '', ''));
like($u->reply->{data}, qr/^\x81\x09.{22}\0\0\0\x09value\z/s, 'getq misses and hits');
is($u->reply->{data}, head(0x81, 0x0a, '', '', ''), ' ... and the noop');
$u->put(Wire::Udp::frame(1, substr head(0x80, 0, 'bin', '', ''), 0, 26));
said_is("get none\r\n", "END\r\n", 'a binary request that is cut off is forgotten');

# Replies of several datagrams: each of 1400 bytes but the last
for my $bytes (1, 1370, 1371, 1372, 2000, 5000, 100_000, 1_000_000, 3_000_000) {
    my $value = join '', map { chr(97 + $_ % 26) } 1 .. 1000;
    $value = substr $value x ($bytes / 1000 + 1), 0, $bytes;
    $c->set('big', $value);
    my $want = "VALUE big 0 $bytes\r\n$value\r\nEND\r\n";
    my $total = int((length($want) + 1391) / 1392);
    my $id = $u->request("get big\r\n");
    my $reply = $u->reply;
    is($reply && $reply->{total}, $total, "a value of $bytes bytes: $total datagrams");
    ok($reply && $reply->{id} == $id && $reply->{data} eq $want, ' ... that make the reply');
}

# Large requests are one datagram all the same.
for my $bytes (1400, 9000, 20_000, 65_000) {
    my $value = 'v' x $bytes;
    said_is("set large 0 0 $bytes\r\n$value\r\n", "STORED\r\n", "a datagram of $bytes bytes");
    value_is($c, 'large', $value, ' ... stores its value whole');
}
my $keys = join ' ', map { "none$_" } 1 .. 5000;
said_is("get $keys large\r\n", "VALUE large 0 65000\r\n" . 'v' x 65000 . "\r\nEND\r\n",
        'a get of 5000 keys');
said_is('get' . ' ' x 20_000 . "none\r\n", "END\r\n", 'a get of 20,000 spaces');

# What is ignored: the next request is answered, and nothing before it.
$c->set('a', '1');
my %ignored = (
    'an empty datagram' => '',
    'seven bytes' => "\0\1\0\0\0\1\0",
    'a frame without a request' => Wire::Udp::frame(1, ''),
    'the first part of a request of two' => Wire::Udp::frame(1, "get a\r\n", total => 2),
    'the second' => Wire::Udp::frame(1, "get a\r\n", sequence => 1, total => 2),
    'a part of none' => Wire::Udp::frame(1, "get a\r\n", total => 0),
    'a line without an end' => Wire::Udp::frame(1, 'get a'),
    '3000 bytes without an end' => Wire::Udp::frame(1, 'x' x 3000),
    'a line from a browser' => Wire::Udp::frame(1, "GET / HTTP/1.1\r\n\r\n"),
    'half a binary header' => Wire::Udp::frame(1, "\x80\0\0\1" . "\0" x 9),
);
$ignored{quit} = Wire::Udp::frame(1, "quit\r\n") if $server->does('udp_quit');
for my $what (sort keys %ignored) {
    $u->put($ignored{$what});
    said_is("get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", "no answer to $what");
}
# Fields that mean nothing in a request
for my $field ([ sequence => 7 ], [ reserved => 0xffff ]) {
    my $id = $u->request("get a\r\n", @$field);
    is_deeply($u->reply, { id => $id, total => 1, count => 1, data => "VALUE a 0 1\r\n1\r\nEND\r\n" },
              "$field->[0] $field->[1] does not matter");
}

# Many clients, none of which is answered for another
my @clients = map { $server->udp } 1 .. 50;
my @ids = map { $clients[$_]->{id} = 100 * $_; $clients[$_]->request("set k$_ 0 0 2\r\nv"
    . $_ % 10 . "\r\nget k$_\r\n") } 0 .. 49;
for my $n (0 .. 49) {
    my @replies = map { $clients[$n]->reply } 1, 2;
    my $ok = 2 == grep { $_ && $_->{id} == $ids[$n] } @replies;
    ok($ok && $replies[1]{data} eq "VALUE k$n 0 2\r\nv" . $n % 10 . "\r\nEND\r\n",
       "client $n has its own replies");
}

# What goes on for long elsewhere ends here. (memcached 1.6 answers nothing for good.)
if (Wire::Server::is_replicating()) {
    my $too_long = "SERVER_ERROR reply too long for datagrams\r\n";
    for my $dump ('metadump all', 'metadump hash', 'metadump 5', 'mgdump all') {
        said_is("lru_crawler $dump\r\nget nobody\r\n", "${too_long}END\r\n", "no $dump by UDP");
    }
    like($u->ask("watch fetchers\r\n"), qr/^WATCHER_FAILED /, 'nobody watches by UDP');
    # of what has come to cold, where items are not at once
    poll_ok { $u->ask("stats cachedump 1 0\r\n") =~ /^ITEM .*END\r\n\z/s } 'stats cachedump';
    said_is("repl role\r\nrepl hello\r\n", "ERROR\r\nERROR\r\n", 'nor is a link');
}

# What stats say of it
my $before = $c->stats;
$u->ask("get a\r\n");
my $after = $c->stats;
# the frame, the get and the mn; then the stats that tell of it
is($after->{bytes_read} - $before->{bytes_read} - length "stats\r\n", 8 + 7 + 4,
   'bytes_read counts datagrams');
is($after->{get_hits} - $before->{get_hits}, 1, 'and hits');
is($c->stats('settings')->{udpport}, $server->port, 'stats settings: udpport');
is($c->stats('settings')->{num_threads_per_udp}, 1, ' ... num_threads_per_udp');
my $conns = $c->stats('conns');
my ($fd) = map { /^(\d+):UDP/ } keys %$conns;
ok(defined $fd && $conns->{"$fd:addr"} =~ /^udp:127\.0\.0\.1:/, 'stats conns: a row of its own');
like($conns->{"$fd:state"}, qr/^conn_/, ' ... with a state');
like($conns->{"$fd:secs_since_last_cmd"}, qr/^\d+\z/, ' ... and the time since the last command');
ok(!exists $conns->{"$fd:listen_addr"}, ' ... and without a listener');
$server->stop;
done_testing;
