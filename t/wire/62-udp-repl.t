# A pair whose clients write by UDP: the changes replicate, and what came while a node stood still is
# not executed.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Time::HiRes qw(sleep);
use Wire;
use Wire::Pair;

# The UDP port of a server that chose it itself.
sub udp_port_of {
    my ($server) = @_;
    my ($port) = map { /^udp:.*:(\d+)\z/ } values %{ $server->conn->stats('conns') };
    return $port;
}

# Do all threads of a server stand still?
sub is_stopped {
    my ($server) = @_;
    for my $status (glob "/proc/@{[$server->pid]}/task/*/status") {
        open my $in, '<', $status or return 0;
        local $/;
        return 0 unless <$in> =~ /^State:\s+T/m;
    }
    return 1;
}

my $pair = pair('-U', '-1');
my ($master, $slave) = ($pair->master, $pair->slave);
my $u = $master->udp(udp_port_of($master));
is($u->ask("set set 5 0 1\r\n1\r\nset gone 0 0 1\r\n1\r\nset n 0 0 2\r\n41\r\nset t 0 0 1\r\n1\r\n"),
   "STORED\r\n" x 4, 'writes by UDP');
is($u->ask("add add 0 0 1\r\n1\r\nappend set 0 0 1\r\n2\r\nincr n 1\r\ndelete gone\r\n"
           . "touch t 1000\r\nms meta 2 F3\r\nhi\r\nset quiet 0 0 1 noreply\r\n1\r\n"),
   "STORED\r\nSTORED\r\n42\r\nDELETED\r\nTOUCHED\r\nHD\r\n", ' ... of all kinds');
my $head = pack('CCnCCnNNNN', 0x80, 1, 3, 8, 0, 0, 16, 0, 0, 0);
$u->request($head . pack('NN', 9, 0) . 'bin' . 'value');
like($u->reply->{data}, qr/^\x81\x01\0\0\0\0\0\0/, ' ... in binary, too');
$pair->settle;
$pair->agree_ok([qw(set gone n t add meta quiet bin)], 'they replicate');
value_is($slave->conn, 'n', '42', ' ... indeed');
is($u->ask("repl hello\r\nrepl role\r\n"), "ERROR\r\nERROR\r\n", 'no link by UDP');

# Long enough that the other half may have taken over: what was asked meanwhile is lost.
$master->signal('STOP');
poll_ok { is_stopped($master) } 'a node stands still';
$u->request("set late 0 0 1\r\n1\r\n");
sleep 1.5;
$master->signal('CONT');
$pair->whole_ok(' ... and goes on');
for my $node ($pair->nodes) {
    value_is($node->conn, 'late', undef, 'what came by UDP meanwhile is not executed');
}
poll_ok { ($u->ask("get n\r\n") // '') eq "VALUE n 0 2\r\n42\r\nEND\r\n" } ' ... what comes later is';
$pair->stop;
done_testing;
