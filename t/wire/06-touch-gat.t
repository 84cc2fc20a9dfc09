# touch, gat and gats: the time an item has left.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $bad_exptime = "CLIENT_ERROR invalid exptime argument\r\n";

# The seconds left as `mg` tells them; a second may pass between two commands.
sub ttl_is {
    my ($key, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $least = $want < 1 ? $want : $want - 2;
    my $reply = $c->ask("mg $key t\r\n");
    my ($ttl) = $reply =~ /^HD t(-?\d+)\r\n\z/;
    ok(defined $ttl && $ttl <= $want && $ttl >= $least, $name) or diag(show($reply));
}

set_ok($c, 'a', 'value', 6);
ttl_is('a', -1, 'an item lives for ever');
reply_is($c, "touch a 100\r\n", "TOUCHED\r\n");
ttl_is('a', 100, 'touch gives it 100 s');
reply_is($c, "get a\r\n", "VALUE a 6 5\r\nvalue\r\nEND\r\n", 'touch leaves the value and the flags');
reply_is($c, "gat 200 a\r\n", "VALUE a 6 5\r\nvalue\r\nEND\r\n");
ttl_is('a', 200, 'gat gives it 200 s');
my $cas = $c->cas_of('a');
reply_is($c, "gats 300 a\r\n", "VALUE a 6 5 $cas\r\nvalue\r\nEND\r\n", 'gats adds the CAS value');
ttl_is('a', 300, 'gats gives it 300 s');
reply_is($c, "touch a 400 noreply\r\n", '');
ttl_is('a', 400, 'touch with noreply does it as well');
reply_is($c, "touch a 500 1\r\n", "TOUCHED\r\n", 'a further word is ignored');
ttl_is('a', 500, ' ... and it is touched');
reply_is($c, "touch a 0\r\n", "TOUCHED\r\n");
ttl_is('a', -1, 'touch with 0: for ever again');
reply_is($c, 'touch a ' . (time + 600) . "\r\n", "TOUCHED\r\n");
# (The server's clock ticks once a second: it may be one behind ours.)
reply_like($c, "mg a t\r\n", qr/^HD t(?:60[01]|59\d)\r\n\z/, 'an absolute time');

replies_are($c,
    [ "touch missing 0\r\n",         "NOT_FOUND\r\n" ],
    [ "touch missing 0 noreply\r\n", '' ],
    [ "touch a x\r\n",               $bad_exptime ],
    [ "touch a x noreply\r\n",       '' ],
    [ "touch a 1.5\r\n",             $bad_exptime ],
    [ "touch a 99999999999999999999\r\n", $bad_exptime ],
    [ "touch a\r\n",                 "ERROR\r\n" ],
    [ "touch\r\n",                   "ERROR\r\n" ],
    [ "touch a 0 noreply x\r\n",     "ERROR\r\n", 'too many words' ],
    [ "gat\r\n",                     "ERROR\r\n" ],
    [ "gats\r\n",                    "ERROR\r\n" ],
    [ "gat 0\r\n",                   "END\r\n", 'no key at all' ],
    [ "gats 0\r\n",                  "END\r\n" ],
    [ "gat a\r\n",                   $bad_exptime ],
    [ "gat x a\r\n",                 $bad_exptime ],
    [ "gats 5x a\r\n",               $bad_exptime ],
    [ "gat 0 missing\r\n",           "END\r\n" ],
    [ "gat 0 x a y a\r\n", "VALUE a 6 5\r\nvalue\r\nVALUE a 6 5\r\nvalue\r\nEND\r\n",
      'several keys' ],
);

for my $row ([ 'touch a -1', "TOUCHED\r\n" ], [ 'gat -1 a', "VALUE a 0 1\r\n1\r\nEND\r\n" ]) {
    my ($command, $reply) = @$row;
    set_ok($c, 'a', '1');
    reply_is($c, "$command\r\n", $reply, "$command: a negative time");
    value_is($c, 'a', undef, ' ... ends it at once');
    reply_is($c, "$command\r\n", $command =~ /^touch/ ? "NOT_FOUND\r\n" : "END\r\n", ' ... for good');
}

$c->put(join '', map { "set g$_ $_ 0 2 noreply\r\nxy\r\n" } 1 .. 5000);
reply_is($c, 'gat 700 ' . join(' ', map { "g$_" } 1 .. 300) . "\r\n",
         join('', map { "VALUE g$_ $_ 2\r\nxy\r\n" } 1 .. 300) . "END\r\n", '300 keys in one gat');
ttl_is('g1', 700, ' ... the first');
ttl_is('g300', 700, ' ... and the last of them touched');
ttl_is('g301', -1, ' ... and no other');

my $before = $c->stats;
$c->ask("touch g1 0\r\ntouch missing 0\r\ngat 0 g1 missing\r\n");
my $after = $c->stats;
my %grows = (cmd_touch => 4, touch_hits => 2, touch_misses => 2);
is($after->{$_} - $before->{$_}, $grows{$_}, "stats: $_ grows by $grows{$_}") for sort keys %grows;

$server->stop;
done_testing;
