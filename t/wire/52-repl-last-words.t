# A peer killed while this node lags behind: all that the peer's kernel had taken is applied, although the
# peer's barriers are among it and nobody is there for the answers. The peer is this script.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use IO::Socket::IP;
use Test::More;
use Wire;
use Wire::Pair;

my $peer_id = '00000000000000aa';
my $listener = IO::Socket::IP->new(LocalHost => '127.0.0.1', Listen => 5, Proto => 'tcp')
    or die "no port: $!\n";
my $node = server('-m', 256, '-x', '127.0.0.1:' . $listener->sockport,
                  '-o', 'repl_timeout=30000,repl_join_timeout=30000');

# What the node dials, greeted as one whose changes it need not have.
sub accept_link {
    my $sock = $listener->accept or die "accept: $!\n";
    $sock->blocking(0);
    my $link = bless { in => '', at_eof => 0, sock => $sock }, 'Wire::Conn';
    my ($id, $version) = $link->line =~ /^repl hello 1 (\w+) \w+ \w+ \d+ \w+ (\d+)\r\n/;
    ok($id, 'the node dials and says hello') or BAIL_OUT('no hello');
    $link->put("REPL 1 $peer_id master ready 5 $id $version go\r\n");
    return ($link, $id, $version);
}

sub hello {
    my ($id, $version) = @_;
    my $own = $node->conn;
    $own->put("repl hello 1 $peer_id master ready 5 $id $version\r\n");
    like($own->line, qr/^REPL 1 $id .* go\r\n/, 'our own link is accepted');
    $own->put("repl info 1 $peer_id master ready 5 $id $version\r\nrepl synced\r\n");
    return $own;
}

# Answers to this barrier of ours that come on the link.
sub answered_ok {
    my ($link, $number, $name) = @_;
    my $line = '';
    until ($line eq '' && $link->{at_eof}) {
        $line = $link->line;
        last if $line eq '' || $line eq "repl ack $number\r\n";
    }
    is($line, "repl ack $number\r\n", $name);
}

my ($link, $id, $version) = accept_link();
my $own = hello($id, $version);
poll_ok { (repl_of($node)->{link_out} // '') eq 'streaming' } 'the node streams to us';
$own->put("repl barrier 1\r\nmn\r\n");
answered_ok($link, 1, 'a barrier is answered on the link that the node dials');

# That link ends, and we live: the answer comes when it is up again, and not where it was asked for.
$link->close;
poll_ok { (repl_of($node)->{link_out} // 'streaming') ne 'streaming' } 'the node knows that its link has ended';
$own->put("repl barrier 2\r\nmn\r\n");
($link) = accept_link();
answered_ok($link, 2, 'a barrier meanwhile is answered when it is up again');
is($own->{in}, '', ' ... and not on our link');
is(repl_of($node)->{link_in}, 'up', ' ... which is still up');

# Killed: both connections end behind what the kernel has taken while the node did not read.
my ($stream, $count) = ('', 0);
while (length $stream < 8 << 20) {
    $version++;
    $stream .= sprintf "ms words%d 500 T0 F0 E%s q\r\n%s\r\n", $count++, $version, 'w' x 500;
    $stream .= "repl barrier " . (10 + $count) . "\r\nmn\r\n" if $count % 100 == 0;
}
$node->signal('STOP');
my $taken = $own->put($stream, deaf => 1, seconds => 1);
cmp_ok($taken, '>', 1 << 18, 'the kernel takes a good part while the node stands still');
my $whole = () = substr($stream, 0, $taken) =~ /^w{500}\r\n/mg;
$link->close;
$listener->close;
$own->close;
$node->signal('CONT');
poll_ok { (repl_of($node)->{link_in} // '') eq 'down' } 'our link ends';
my $c = $node->conn;
my $last = $whole - 1;
reply_like($c, "mg words$last s\r\n", qr/^HD s500\r\n/, ' ... behind all of it') or
    diag(repl_of($node)->{applied} . " of $whole");
done_testing;
