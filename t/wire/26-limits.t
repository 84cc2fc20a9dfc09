# Limits of connections: memory for their buffers, what happens at -c, idle ones, long pipelines.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

# Resident memory of a server in KB.
sub resident_kb {
    my ($server) = @_;
    open my $in, '<', "/proc/@{[$server->pid]}/status" or return 0;
    local $/;
    return <$in> =~ /^VmRSS:\s+(\d+)/m ? $1 : 0;
}

# -o read_buf_mem_limit: who needs a buffer when there is none left is cut off, and counted.
my $server = server('-t', 1, '-o', 'read_buf_mem_limit=1');
my $c = $server->conn;
is($c->stats('settings')->{read_buf_mem_limit}, 1 << 20, 'read_buf_mem_limit is shown in bytes');
my @half = conns($server, 1000);
$_->put('get a') for @half;
my $cut = 0;
my $kept = 0;
for my $half (@half) {
    $half->put("\r\n", seconds => 1);
    my $line = $half->line;
    $line eq "END\r\n" ? $kept++ : $cut++;
    $half->close;
}
cmp_ok($kept, '>=', 30, 'those that have one are served');
cmp_ok($cut, '>=', 1, ' ... others are cut off');
my $late;
poll_ok { $late = Wire::Conn->open($server->port) and $late->command('mn') eq "MN\r\n" }
    'and when the others have left there is room again';
my $stats = $late->stats;
cmp_ok($stats->{read_buf_oom}, '>=', 1, 'read_buf_oom counts them');
cmp_ok($stats->{read_buf_bytes}, '<=', 1 << 20, 'read_buf_bytes is within the limit');

# Clients that ask for much and read nothing: a reply that finds no memory says so in place of the
# values, and is counted; nobody gets half a line.
set_ok($late, 'v', 'x' x 400);
# Each asks for more than the kernel holds for a client that takes little at a time.
my @slow = map { $server->conn(undef, receive_bytes => 4096) } 1 .. 24;
$_->put('get' . ' v' x 8000 . "\r\n", deaf => 1, seconds => 1) for @slow;
SKIP: {
    skip 'this server has its own measure of memory for replies', 3
        unless Wire::Server::is_replicating();
    poll_ok {
        my $conn = Wire::Conn->open($server->port);
        $conn && $conn->stats->{response_obj_oom};
    } 'response_obj_oom counts replies without memory';
    my $no_memory = "SERVER_ERROR out of memory writing get response\r\n";
    my %ends;
    for my $slow (@slow) {
        my $line = $slow->line;
        while ($line eq "VALUE v 0 400\r\n" && $slow->take(402) eq 'x' x 400 . "\r\n") {
            $line = $slow->line;
        }
        $ends{$line}++;
    }
    cmp_ok($ends{$no_memory} // 0, '>=', 1, ' ... whose clients are told');
    delete @ends{ $no_memory, "END\r\n", '' };
    is_deeply(\%ends, {}, ' ... or get all of it, or are cut off between two values');
}
$_->close for @slow;
poll_ok { my $conn = Wire::Conn->open($server->port); $conn && $conn->command('mn') eq "MN\r\n" }
    'clients that ask for much and read nothing are survived';
$server->stop;

# -c with no_maxconns_fast: the kernel lets clients wait, until one leaves.
SKIP: {
    skip 'not in this version', 5 unless Wire::Server::is_replicating();
    $server = server('-c', 40, '-t', 2, '-o', 'no_maxconns_fast');
    $c = $server->conn;
    is($c->stats('settings')->{maxconns_fast}, 'no', 'no_maxconns_fast');
    my @open = conns($server, 45);
    $_->put("mn\r\n") for @open;
    poll_ok { $c->stats->{listen_disabled_num} == 1 } 'at the limit no connection is accepted';
    is($c->stats->{accepting_conns}, 0, ' ... as stats say');
    $_->close for splice @open, 0, 20;
    is(scalar(grep { $_->line eq "MN\r\n" } @open), 25, 'who waited is served in the end');
    $stats = $c->stats;
    is($stats->{accepting_conns}, 1, ' ... as stats say');
    ok(!exists $stats->{rejected_connections}, ' ... and nobody can be refused');
    $server->stop;
}

# -o idle_timeout: who says nothing is closed, and counted; who talks is not.
$server = server('-o', 'idle_timeout=1', '-t', 2);
my $talker = $server->conn;
my $silent = $server->conn;
$silent->command('mn');
is($talker->stats('settings')->{idle_timeout}, 1, 'idle_timeout');
poll_ok { $talker->command('mn'); ($talker->stats->{idle_kicks} // 0) >= 1 } 'idle_kicks', 20;
ok($silent->closed, 'the silent one is closed');
is($talker->command('mn'), "MN\r\n", 'the other is not');
$server->stop;
# Who takes a reply slowly is not idle; nor is who is in the midst of a value.
$server = server('-o', 'idle_timeout=1', '-t', 1);
my $filler = $server->conn;
set_ok($filler, 'large', 'x' x 1_000_000);
my $reader = $server->conn(undef, receive_bytes => 4096);
$reader->put('get' . ' large' x 20 . "\r\n", deaf => 1);
my $binary_set = pack('CCnCCnNNx8 N2', 0x80, 0x01, 1, 8, 0, 0, 8 + 1 + 50, 0, 0, 0) . 'v';
my @values = map { [ $server->conn, @$_ ] } (
    [ "set v 0 0 50\r\n",      50,        "\r\n", 'STORED' ],
    [ "set v 0 0 50000\r\n",   50_000,    "\r\n", 'STORED' ],
    [ "set v 0 0 5000000\r\n", 5_000_000, "\r\n", 'SERVER_ERROR object too large for cache' ],
    [ $binary_set,             50,        '',     pack 'CCnCCnNNx4', 0x81, 0x01, 0, 0, 0, 0, 0 ],
);
$_->[0]->put($_->[1] . 'v') for @values;
for (1, 2) {
    my $silent = $server->conn;
    poll_ok { $filler->reconnect unless $filler->command('mn') eq "MN\r\n"; $silent->closed(0.2) }
        'a client that waits for nothing is closed', 20;
}
# more than the kernel can have held for it
is(length $reader->take(4_500_000), 4_500_000,
   ' ... one that has not taken its reply yet can still do so');
for (@values) {
    my ($client, $start, $bytes, $end, $answer) = @$_;
    $client->put('v' x ($bytes - 1) . $end);
    is($client->take(length $answer), $answer, " ... one that owes a value can still send it: $bytes");
}
$server->stop;

is(server()->conn->stats->{idle_kicks}, undef, 'without a timeout there is no such figure');

# A pipeline of a million requests, a client that never reads, one that sends byte by byte, and
# thousands that say nothing: bounded memory, and others are served.
$server = server('-m', 64, '-c', 8000, '-t', 2);
$c = $server->conn;
set_ok($c, 'a', '1');
my $piper = $server->conn;
my $mute = $server->conn(undef, receive_bytes => 4096);
$mute->put("get a\r\n" x 100_000, deaf => 1, seconds => 1);
my $drop = $server->conn;
my @silent = conns($server, 4000);
$_->put('g') for @silent;
my $before = resident_kb($server);
for my $round (1 .. 20) {
    $piper->put("get a\r\n" x 50_000);
    $drop->put(substr "get a\r\n", $_ % 7, 1) for 7 .. 13;
    is($drop->take(21), "VALUE a 0 1\r\n1\r\nEND\r\n", 'byte by byte') if $round == 1;
    $drop->take(21) if $round > 1;
    reply_is($c, "get a\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", 'another is served meanwhile')
        if $round % 5 == 0;
    substr($piper->{in}, 0, 21 * int(length($piper->{in}) / 21)) = '';
}
$piper->put("mn\r\n");
like($piper->take_past("MN\r\n", 60), qr/MN\r\n\z/, 'a million pipelined requests are answered');
cmp_ok(resident_kb($server) - $before, '<', 40_000, ' ... in bounded memory')
    unless Wire::Server::is_sanitized();
is(scalar(grep { $_->command("et a") =~ /^VALUE/ } @silent[ 0, 1000, 2000, 3999 ]), 4,
   'those that waited are served');
$server->stop;
done_testing;
