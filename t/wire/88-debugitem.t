# debugitem: builds for debugging hold items; any other knows no such command.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server('-m', 32, '-o', 'slab_automove=0');
my $c = $server->conn;
my $class = 39;
my @keys = map { "k$_" } 0 .. 3;
set_ok($c, $_, 'v' x 450_000) for @keys;
my $reply = $c->command('debugitem lock k0');
if ($reply eq "ERROR\r\n") {
    reply_is($c, "debugitem $_\r\n", "ERROR\r\n", $_) for 'ref k0', 'unlock k0', 'unref reffed';
    $server->stop;
    done_testing;
    exit;
}
is($reply, "OK\r\n", 'an item is locked');
sub used_chunks { return $c->stats('slabs')->{"$class:used_chunks"} }
my $wait = sub { return $c->stats->{slab_reassign_last_busy_status} };

# A lock holds up the page mover.
reply_is($c, "debugitem lock $_\r\n", "OK\r\n") for @keys[1 .. 3];
is($c->stats('slabs')->{"$class:total_pages"}, 2, 'the items have two pages');
reply_is($c, "slabs reassign $class 1\r\n", "OK\r\n");
poll_ok { $wait->() eq 'item_held' } 'a page of items that are locked waits';
stat_is($c, 'slabs_moved', 0);
reply_is($c, "debugitem unlock $_\r\n", "OK\r\n") for @keys;
poll_ok { $c->stats->{slabs_moved} == 1 } ' ... until they are unlocked';
reply_is($c, "debugitem unlock k0\r\n", "NOT_FOUND\r\n", 'what is not locked cannot be unlocked');
value_is($c, $_, 'v' x 450_000, "$_ is whole") for @keys;

# A reference keeps what is deleted.
my $used = used_chunks();
reply_is($c, "debugitem ref k1\r\n", "OK\r\n");
reply_is($c, "debugitem ref k1\r\n", "OK\r\n", 'twice');
reply_is($c, "debugitem ref k2\r\n", "OK\r\n");
reply_is($c, "debugitem unlock k1\r\n", "NOT_FOUND\r\n", 'a reference is no lock');
reply_is($c, "delete $_\r\n", "DELETED\r\n") for 'k1', 'k2';
value_is($c, 'k1', undef);
is(used_chunks(), $used, 'what somebody refers to is not freed');
reply_is($c, "debugitem ref k1\r\n", "NOT_FOUND\r\n", ' ... and cannot be found any more');
reply_is($c, "debugitem unref reffed\r\n", "OK\r\n");
is(used_chunks(), $used - 2, ' ... until it is let go');
reply_is($c, "debugitem unref reffed\r\n", "OK\r\n", 'nothing is left to let go');

# There are so many places.
my @replies = map { $c->command('debugitem ref k3') } 1 .. 65;
is_deeply(\@replies, [ ("OK\r\n") x 64, "ERROR\r\n" ], '64 references, and not one more');
reply_is($c, "debugitem unref reffed\r\n", "OK\r\n");

reply_is($c, "debugitem $_\r\n", "ERROR\r\n", $_)
    for '', 'lock', 'lock k3 x', 'hold k3', 'unref k3', 'lock ' . 'k' x 251;
reply_is($c, "debugitem lock nothing\r\n", "NOT_FOUND\r\n");
$server->stop;
done_testing;
