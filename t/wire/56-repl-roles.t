# Roles: promote, demote, and the client write that takes over.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $pair = pair('-o', 'repl_join_timeout=300');

sub roles { return join ', ', map { role_of($_) } $pair->nodes }
sub master_is {
    my ($number, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my @want = ('slave ready', 'slave ready');
    $want[$number] = 'master ready';
    poll_ok { roles() eq join ', ', @want } $name or diag(roles());
}

my $keys = 0;
for my $round (1 .. 3) {
    my $number = $pair->master_number;
    my $c = $pair->node($number)->conn;
    my $s = $pair->node(1 - $number)->conn;
    set_ok($c, 'k' . ++$keys, 'by master');
    $pair->agree_ok([ "k$keys" ], "round $round: master to slave");

    # Reading on the slave does not change roles.
    $s->ask("get k$keys\r\ngets k$keys none\r\nmg k$keys v\r\nstats\r\n");
    master_is($number, 'reading on the slave changes nothing');

    # promote
    reply_is($s, "repl promote\r\n", "OK\r\n");
    master_is(1 - $number, 'repl promote: the other one steps down');
    set_ok($s, 'k' . ++$keys, 'by new master');
    $pair->agree_ok([ map { "k$_" } 1 .. $keys ], ' ... and the stream goes the other way');
    master_is(1 - $number, ' ... roles stay');
    reply_is($s, "repl promote\r\n", "OK\r\n");
    master_is(1 - $number, 'to promote the master changes nothing');

    # A client write on the slave is a take-over.
    set_ok($c, 'k' . ++$keys, 'by a client of the slave');
    master_is($number, 'a write on the slave: it is master');
    $pair->agree_ok([ map { "k$_" } 1 .. $keys ], ' ... and both agree');

    # keepalived's way: demote here, promote there, in either order.
    if ($round % 2) {
        reply_is($c, "repl demote\r\n", "OK\r\n");
        reply_is($s, "repl promote\r\n", "OK\r\n");
    } else {
        reply_is($s, "repl promote\r\n", "OK\r\n");
        reply_is($c, "repl demote\r\n", "OK\r\n");
    }
    master_is(1 - $number, 'demote and promote');
}

# Each kind of write takes over.
for my $write ("set w 0 0 1\r\n1\r\n", "add w$$ 0 0 1\r\n1\r\n", "incr w 1\r\n", "delete w\r\n",
               "set w 0 0 1\r\n1\r\ntouch w 100\r\n", "append w 0 0 1\r\n1\r\n", "md w q\r\n",
               "ms w 1 q\r\n1\r\n", "flush_all\r\n") {
    my $number = $pair->master_number;
    $pair->node(1 - $number)->conn->ask($write);
    master_is(1 - $number, 'a take-over by ' . show($write));
}

# What the logs say of the roles last is true, however fast they change.
sub told { return $_[0]->stderr =~ /.*this node is (\w+), (\w+)$/ms ? "$1 $2" : 'nothing' }
for my $turn (1 .. 3) {
    my $number = 1 - $pair->master_number;
    reply_is($pair->node($number)->conn, "repl promote\r\n", "OK\r\n");
    master_is($number, "turn $turn");
    poll_ok { roles() eq join ', ', map { told($_) } $pair->nodes } ' ... and the logs end with it'
        or diag(map { told($_) . "\n" } $pair->nodes);
}

# Writes on both sides at the same moment: one master in the end, and both hold the same.
my @c = map { $_->conn } $pair->nodes;
for my $n (1 .. 200) {
    $c[$_]->put("set both$n $_ 0 1 noreply\r\n$_\r\nset only$_-$n 0 0 1 noreply\r\n1\r\n") for 0, 1;
}
$_->ask('') for @c;
poll_ok { roles() =~ /^(?:master ready, slave ready|slave ready, master ready)\z/ } 'one master in the end';
$pair->agree_ok([ map { ("both$_", "only0-$_", "only1-$_") } 1 .. 200 ], ' ... and both agree');
is(scalar(grep { defined $c[0]->get("only1-$_") && defined $c[1]->get("only0-$_") } 1 .. 200), 200,
   ' ... nothing is lost that was written on one side alone');
$pair->stop;
done_testing;
