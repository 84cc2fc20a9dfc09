# Exptimes: relative, absolute, negative; an expired item is a miss for every command.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

# [exptime, seconds left as `mg` tells them; undef: a miss at once]
my $now = time;
for my $row ([ 0, -1 ], [ 100, 100 ], [ 2592000, 2592000, '30 days' ], [ $now + 1000, 1000, 'absolute' ],
             [ $now + 40 * 86400, 40 * 86400, 'absolute, in 40 days' ],
             [ 2592001, undef, 'more than 30 days: absolute, long ago' ],
             [ $now - 10, undef, 'absolute, 10 s ago' ], [ -1, undef ], [ -100, undef ]) {
    my ($exptime, $left, $name) = @$row;
    my $what = "exptime $exptime" . ($name ? " ($name)" : '');
    is($c->set('e', '1', 0, $exptime), "STORED\r\n", "$what is stored");
    my $reply = $c->ask("mg e t\r\n");
    if (!defined $left) {
        is($reply, "EN\r\n", ' ... and gone at once');
    } else {
        my ($ttl) = $reply =~ /^HD t(-?\d+)\r\n\z/;
        ok(defined $ttl && abs($ttl - $left) <= ($left < 0 ? 0 : 3), " ... and has $left s left")
            or diag(show($reply));
    }
}
set_ok($c, 'far', '1', 0, 2147483647);
value_is($c, 'far', '1', 'the last second of 32-bit time is far away');

# All of these run out together; each has its own way to look.
my %check = (
    get     => [ "get %s\r\n",                 "END\r\n" ],
    gets    => [ "gets %s\r\n",                "END\r\n" ],
    gat     => [ "gat 100 %s\r\n",             "END\r\n" ],
    touch   => [ "touch %s 100\r\n",           "NOT_FOUND\r\n" ],
    incr    => [ "incr %s 1\r\n",              "NOT_FOUND\r\n" ],
    decr    => [ "decr %s 1\r\n",              "NOT_FOUND\r\n" ],
    delete  => [ "delete %s\r\n",              "NOT_FOUND\r\n" ],
    append  => [ "append %s 0 0 1\r\n1\r\n",   "NOT_STORED\r\n" ],
    prepend => [ "prepend %s 0 0 1\r\n1\r\n",  "NOT_STORED\r\n" ],
    replace => [ "replace %s 0 0 1\r\n1\r\n",  "NOT_STORED\r\n" ],
    cas     => [ "cas %s 0 0 1 1\r\n1\r\n",    "NOT_FOUND\r\n" ],
    add     => [ "add %s 0 0 1\r\n1\r\n",      "STORED\r\n" ],
    mg      => [ "mg %s v\r\n",                "EN\r\n" ],
    md      => [ "md %s\r\n",                  "NF\r\n" ],
    set     => [ "set %s 0 0 1\r\n1\r\n",      "STORED\r\n" ],
);
$c->set("e-$_", '1', 0, 2) for sort keys %check;
$c->set('absolute', '1', 0, time + 2);
$c->set('touched', '1');
$c->ask("touch touched 2\r\n");
$c->set('gatted', '1');
$c->ask("gat 2 gatted\r\n");
$c->set('spared', '1', 0, 2);
$c->ask("touch spared 1000\r\n");
$c->set('probe', '1', 0, 2);
$c->set('counted', '1', 0, 2);
$c->ask("incr counted 1\r\nappend counted 0 1000 1\r\n1\r\n");
value_is($c, 'probe', '1', 'an item of 2 s is there at first');
poll_ok { !defined $c->get('probe') } ' ... and then it is not', 8;
for my $name (sort keys %check) {
    my ($request, $reply) = @{ $check{$name} };
    reply_is($c, sprintf($request, "e-$name"), $reply, "$name does not find what has expired");
}
value_is($c, $_, undef, "$_ has expired") for qw(touched gatted counted);
poll_ok { !defined $c->get('absolute') } 'an absolute time runs out', 5;
value_is($c, 'spared', '1', 'what was touched in time is still there');

$server->stop;
done_testing;
