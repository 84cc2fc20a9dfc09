# add, replace, append, prepend and cas: when they store and when they do not.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

replies_are($c,
    [ "replace k 0 0 1\r\n1\r\n",  "NOT_STORED\r\n", 'replace of what is not there' ],
    [ "append k 0 0 1\r\n1\r\n",   "NOT_STORED\r\n" ],
    [ "prepend k 0 0 1\r\n1\r\n",  "NOT_STORED\r\n" ],
    [ "cas k 0 0 1 1\r\n1\r\n",    "NOT_FOUND\r\n" ],
    [ "cas k 0 0 1 18446744073709551615\r\n1\r\n", "NOT_FOUND\r\n" ],
    [ "get k\r\n",                 "END\r\n", 'none of them stored it' ],
    [ "add k 7 0 1\r\n1\r\n",      "STORED\r\n" ],
    [ "add k 0 0 1\r\n2\r\n",      "NOT_STORED\r\n", 'add of what is there' ],
    [ "get k\r\n",                 "VALUE k 7 1\r\n1\r\nEND\r\n" ],
    [ "replace k 8 0 2\r\n22\r\n", "STORED\r\n" ],
    [ "get k\r\n",                 "VALUE k 8 2\r\n22\r\nEND\r\n" ],
    [ "append k 9 0 3\r\n333\r\n", "STORED\r\n" ],
    [ "get k\r\n",                 "VALUE k 8 5\r\n22333\r\nEND\r\n", 'append keeps the flags' ],
    [ "prepend k 9 0 2\r\n00\r\n", "STORED\r\n" ],
    [ "get k\r\n",                 "VALUE k 8 7\r\n0022333\r\nEND\r\n", 'prepend does, too' ],
    [ "append k 0 0 0\r\n\r\n",    "STORED\r\n", 'append of nothing' ],
    [ "prepend k 0 0 0\r\n\r\n",   "STORED\r\n", 'prepend of nothing' ],
    [ "get k\r\n",                 "VALUE k 8 7\r\n0022333\r\nEND\r\n" ],
    [ "append k 0 -1 1\r\n4\r\n",  "STORED\r\n", 'append ignores its exptime' ],
    [ "get k\r\n",                 "VALUE k 8 8\r\n00223334\r\nEND\r\n" ],
);

# The same with noreply: nothing is said, and the same things happen.
replies_are($c,
    [ "replace q 0 0 1 noreply\r\n1\r\n", '' ],
    [ "append q 0 0 1 noreply\r\n1\r\n",  '' ],
    [ "prepend q 0 0 1 noreply\r\n1\r\n", '' ],
    [ "cas q 0 0 1 1 noreply\r\n1\r\n",   '' ],
    [ "get q\r\n",                        "END\r\n" ],
    [ "add q 1 0 1 noreply\r\n1\r\n",     '' ],
    [ "add q 1 0 1 noreply\r\n2\r\n",     '' ],
    [ "get q\r\n",                        "VALUE q 1 1\r\n1\r\nEND\r\n" ],
    [ "replace q 2 0 1 noreply\r\n3\r\n", '' ],
    [ "append q 2 0 1 noreply\r\n4\r\n",  '' ],
    [ "prepend q 2 0 1 noreply\r\n2\r\n", '' ],
    [ "get q\r\n",                        "VALUE q 2 3\r\n234\r\nEND\r\n" ],
);

# cas
set_ok($c, 'c', 'old', 3);
my $cas = $c->cas_of('c');
like($cas, qr/^[1-9]\d*\z/, 'a CAS value is a positive number');
is($c->cas_of('c'), $cas, 'reading does not change it');
reply_is($c, "cas c 4 0 3 @{[$cas + 1]}\r\nnew\r\n", "EXISTS\r\n", 'another CAS value is refused');
reply_is($c, "cas c 4 0 3 0\r\nnew\r\n", "EXISTS\r\n", 'zero is no wildcard');
reply_is($c, "cas c 4 0 3 @{[$cas + 1]} noreply\r\nnew\r\n", '', 'refused with noreply');
reply_is($c, "get c\r\n", "VALUE c 3 3\r\nold\r\nEND\r\n", 'and nothing changes');
reply_is($c, "cas c 4 0 3 $cas\r\nnew\r\n", "STORED\r\n", 'the right one is accepted');
reply_is($c, "get c\r\n", "VALUE c 4 3\r\nnew\r\nEND\r\n");
my $next = $c->cas_of('c');
cmp_ok($next, '>', $cas, 'the CAS value grows');
reply_is($c, "cas c 4 0 3 $cas\r\nbad\r\n", "EXISTS\r\n", 'the old one is no longer accepted');
reply_is($c, "cas c 5 0 3 $next noreply\r\nnqr\r\n", '', 'accepted with noreply');
reply_is($c, "get c\r\n", "VALUE c 5 3\r\nnqr\r\nEND\r\n");

# Every change gives a new CAS value; a read, a touch and a failed change do not.
my @changes = (
    [ "set n 0 0 1\r\n1\r\n", 1 ], [ "add n 0 0 1\r\n1\r\n", 0 ],
    [ "replace n 0 0 1\r\n1\r\n", 1 ], [ "append n 0 0 1\r\n1\r\n", 1 ],
    [ "prepend n 0 0 1\r\n1\r\n", 1 ], [ "incr n 1\r\n", 1 ], [ "decr n 1\r\n", 1 ],
    [ "get n\r\n", 0 ], [ "touch n 100\r\n", 0 ], [ "gat 100 n\r\n", 0 ],
    [ "cas n 0 0 1 1\r\n1\r\n", 0 ], [ "incr n x\r\n", 0 ],
    [ "set n 0 0 1\r\n12\r\n", 0 ],
);
set_ok($c, 'n', '1');
for my $row (@changes) {
    my ($request, $changes) = @$row;
    my $before = $c->cas_of('n');
    $c->ask($request);
    my $after = $c->cas_of('n');
    ok($changes ? $after > $before : $after == $before,
       show($request) . ($changes ? ' gives a new CAS value' : ' keeps the CAS value'))
        or diag("before $before, after $after");
}

# Of two clients with the same CAS value one wins.
my @pair = conns($server, 2);
set_ok($c, 'race', '0');
for my $round (1 .. 50) {
    my $seen = $c->cas_of('race');
    $_->put("cas race 0 0 1 $seen\r\n1\r\n") for @pair;
    my $replies = join '', sort map { $_->line } @pair;
    is($replies, "EXISTS\r\nSTORED\r\n", "round $round: one of two wins") if $round == 50
        || $replies ne "EXISTS\r\nSTORED\r\n";
}
$server->stop;

# -C: no CAS values. A cas never matches.
$server = server('-C');
$c = $server->conn;
replies_are($c,
    [ "set a 0 0 1\r\n1\r\n",   "STORED\r\n" ],
    [ "gets a\r\n",             "VALUE a 0 1 0\r\n1\r\nEND\r\n", '-C: CAS values are 0' ],
    [ "cas a 0 0 1 0\r\n2\r\n", "EXISTS\r\n" ],
    [ "cas a 0 0 1 5\r\n3\r\n", "EXISTS\r\n" ],
    [ "cas b 0 0 1 0\r\n3\r\n", "NOT_FOUND\r\n" ],
    [ "get a\r\n",              "VALUE a 0 1\r\n1\r\nEND\r\n" ],
);
is($c->stats('settings')->{cas_enabled}, 'no', 'stats settings say so');
$server->stop;

done_testing;
