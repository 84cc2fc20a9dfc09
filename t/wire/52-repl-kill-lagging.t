# A master killed while its peer lags behind, with an answer of the peer's unread: what the kernel had
# taken arrives all the same. The peer is this script.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::IP;
use Socket qw(SOL_SOCKET SO_RCVBUF);
use Test::More;
use Wire;
use Wire::Pair;

my $peer_id = '00000000000000aa';
my $listener = IO::Socket::IP->new(
    LocalHost => '127.0.0.1',
    Listen    => 5,
    Proto     => 'tcp',
    Sockopts  => [ [ SOL_SOCKET, SO_RCVBUF, 65536 ] ],
) or die "no port: $!\n";

my $node = server('-m', 256, '-x', '127.0.0.1:' . $listener->sockport, '-o', 'repl_timeout=60000');

# The node's link to us, greeted: nobody has to start over.
sub accept_link {
    my $sock = $listener->accept or die "accept: $!\n";
    $sock->blocking(0);
    my $link = bless { in => '', at_eof => 0, sock => $sock }, 'Wire::Conn';
    my ($id, $version) = $link->line =~ /^repl hello 1 (\w+) \w+ \w+ \d+ \w+ (\d+)\r\n/;
    ok($id, 'the node dials and says hello') or BAIL_OUT('no hello');
    $link->put("REPL 1 $peer_id slave joining 0 any $version go\r\n");
    return ($link, $id, $version);
}

# Lines of the stream up to the next barrier; its number, and the last line.
sub barrier_of {
    my ($link) = @_;
    while ((my $line = $link->line) ne '') {
        return ($1, $link->line) if $line =~ /^repl barrier (\d+)\r\n/;
        $link->take($1 + 2) if $line =~ /^ms \S+ (\d+) /;
    }
    return (undef, '(closed)');
}

my ($link, $id, $version) = accept_link();
my $own = $node->conn;
$own->put("repl hello 1 $peer_id slave joining 0 any $version\r\n");
like($own->line, qr/^REPL 1 $id .* go\r\n/, 'our own link is accepted');
$own->put("repl info 1 $peer_id slave joining 0 $id $version\r\nrepl synced\r\n");

my $c = $node->conn;
set_ok($c, 'a', 'first');
my ($number, $last) = barrier_of($link);
is($last, "mn\r\n", 'a barrier is numbered, and is an mn');

# Answered on our own link; a second answer, or one to another barrier, means nothing.
while (($number // 0) && repl_of($node)->{acked_ops} < 1) {
    $own->put("repl ack $number\r\nrepl ack $number\r\nrepl ack 7\r\n");
    ($number) = barrier_of($link);
}
cmp_ok(repl_of($node)->{acked_ops}, '>=', 1, 'answers on our own link count');

# On the same connection they count as well.
set_ok($c, 'b', 'second');
my $is_counted = 0;
while (defined $number && !$is_counted) {
    $link->put("REPL ack $number\r\n");
    $is_counted = repl_of($node)->{acked_ops} >= 2;
    ($number) = barrier_of($link) unless $is_counted;
}
ok($is_counted, 'so do answers where the barrier came from');
is(repl_of($node)->{link_out}, 'streaming', 'and the link is still up');

# Now we lag: until the connection takes no more, and then some.
($number) = barrier_of($link) if $is_counted;
my $before = repl_of($node)->{sent_bytes};
my $unread = length $link->{in};
for my $n (1 .. 400) {
    $c->ask("set large$n 0 0 100000\r\n" . chr(97 + $n % 26) x 100_000 . "\r\n");
}
my $repl = repl_of($node);
cmp_ok($repl->{sent_bytes} - $before, '>', 100_000, 'the kernel has taken a good part');
cmp_ok($repl->{lag_ops}, '>', 100, ' ... and the log holds the rest');

# The node does not read our answer any more.
$node->signal('STOP');
$own->put("repl ack $number\r\n");
my $sent = $repl->{sent_bytes};
$node->kill_now;
my $received = 0;
my $is_whole = $link->_wait_for(sub {
    $received += length $link->{in};
    $link->{in} = '';
    return $link->{at_eof};
});
ok($link->{at_eof}, 'the node is killed: its link ends');
cmp_ok($received, '>=', $sent - $before, ' ... behind all that the kernel had taken')
    or diag("$received of " . ($sent - $before) . " bytes; $unread of before");
ok($own->closed, ' ... and so does ours');
done_testing;
