# The master killed amid acknowledged writes: the slave has them all; it comes back with a full sync.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $pair = pair('-o', 'repl_join_timeout=500');

for my $round (1 .. 3) {
    my $number = $pair->master_number;
    my ($master, $slave) = ($pair->node($number), $pair->node(1 - $number));
    my $c = $master->conn;

    # Writes by several clients, each answered before the next; the kill falls among them.
    my @clients = conns($master, 4);
    my @acknowledged = (0) x 4;
    my @sent = (0) x 4;
    my $value = sub { my ($n) = @_; return "$n:" . 'v' x ($n % 300) };
    my $write = sub {
        my ($client) = @_;
        my $n = ++$sent[$client];
        my $data = $value->($n);
        $clients[$client]->put("set r$round-$client-$n $n 0 " . length($data) . "\r\n$data\r\n");
    };
    $write->($_) for 0 .. 3;
    my $answers = 0;
    while ($answers < 4000) {
        for my $client (0 .. 3) {
            next unless $clients[$client]->line eq "STORED\r\n";
            $acknowledged[$client]++;
            $answers++;
            $write->($client);
        }
    }
    $master->kill_now;
    # What the kernel had taken before the kill is answered, too.
    for my $client (0 .. 3) {
        my $rest = $clients[$client]->take_all // '';
        $acknowledged[$client]++ while $rest =~ /STORED\r\n/g;
    }
    my $total = 0;
    my $s = $slave->conn;
    my @lost;
    for my $client (0 .. 3) {
        $total += $acknowledged[$client];
        for my $n (1 .. $acknowledged[$client]) {
            my $key = "r$round-$client-$n";
            next if defined(my $got = $s->get($key));
            push @lost, $key unless poll_until { defined $s->get($key) } 2;
        }
    }
    is(scalar @lost, 0, "round $round: none of $total acknowledged writes is lost")
        or diag("lost: @lost[0 .. ($#lost < 9 ? $#lost : 9)]");
    my $wrong = grep { my $n = $_; ($s->get("r$round-0-$n") // '') ne $value->($n) }
        1 .. $acknowledged[0];
    is($wrong, 0, ' ... and none is damaged');
    is($s->retrieve("get r$round-1-7")->[0]{flags}, 7, ' ... flags included');

    # The survivor goes on, and is master when clients write to it.
    reply_is($s, "set survivor$round 0 0 1\r\n1\r\n", "STORED\r\n", ' ... the survivor takes writes');
    reply_is($s, "delete r$round-0-1\r\nincr survivor$round 1\r\n", "DELETED\r\n2\r\n");
    poll_ok { role_of($slave) eq 'master ready' } ' ... and is master';

    # The dead one comes back, empty: it is filled, and takes nothing away.
    my $syncs = repl_of($slave)->{full_syncs_out};
    my $again = $pair->start($number);
    $pair->whole_ok(' ... the dead one comes back');
    is(role_of($again), 'slave ready', ' ... as slave');
    cmp_ok(repl_of($slave)->{full_syncs_out}, '>', $syncs, ' ... by a full sync');
    cmp_ok(repl_of($again)->{full_syncs_in}, '>=', 1, ' ... counted on both sides');
    $pair->agree_ok([ map { ("r$round-0-$_", "r$round-3-$_") } 1 .. 300 ], ' ... both agree');
    value_is($again->conn, "r$round-0-1", undef, ' ... what was deleted meanwhile is gone');
    value_is($again->conn, "survivor$round", '2', ' ... what was written meanwhile is there');
    is($again->conn->stats->{curr_items}, $slave->conn->stats->{curr_items}, ' ... as many items');
    my $filled = repl_of($again)->{sync_in_items};
    cmp_ok($filled, '>=', 300, ' ... the items it was filled with are counted');
    set_ok($s, "later$round", 'x');
    poll_ok { ($again->conn->get("later$round") // "") eq "x" } ' ... a later change arrives';
    is(repl_of($again)->{sync_in_items}, $filled, ' ... and is none of them');
}
$pair->stop;
done_testing;
