# When memory is full: eviction, and with -M refusal.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $out_of_memory = "SERVER_ERROR out of memory storing object\r\n";
my $kilobyte = 'x' x 1000;

# Eviction: every set is stored, old items go, the limit holds.
my $server = server('-m', 8);
my $c = $server->conn;
my $count = 30_000;
my $replies = '';
for my $from (map { $_ * 1000 } 0 .. $count / 1000 - 1) {
    $c->put(join '', map { "set k$_ 0 0 1000\r\n$kilobyte\r\n" } $from .. $from + 999);
    $replies .= $c->take(8 * 1000);
}
is($replies, "STORED\r\n" x $count, "$count items of 1 KB into 8 MB are all stored");
my $stats = $c->stats;
cmp_ok($stats->{evictions}, '>', 10_000, ' ... old ones are evicted');
cmp_ok($stats->{curr_items}, '>', 5_000, ' ... the memory is used');
cmp_ok($stats->{bytes}, '<=', 8 * 1048576, ' ... and not more than the limit');
is($stats->{curr_items} + $stats->{evictions}, $count, ' ... each item is there or was evicted');
is($c->get('k' . ($count - 1)), $kilobyte, 'the newest item is there');
value_is($c, 'k0', undef, 'the oldest is not');
my $items = $c->retrieve('get ' . join ' ', map { "k$_" } 0 .. $count - 1);
is(scalar @$items, $stats->{curr_items}, 'as many can be read as are counted');
is(scalar(grep { $_->{value} ne $kilobyte } @$items), 0, ' ... and all are whole');

# Other sizes find room as well.
for my $bytes (10, 100, 10_000, 100_000, 500_000, 1_000_000) {
    my $value = 'y' x $bytes;
    my $stored = grep { $c->set("s$bytes-$_", $value) eq "STORED\r\n" } 1 .. 20;
    cmp_ok($stored, '>=', $bytes < 100_000 ? 20 : 1, "$stored of 20 items of $bytes bytes are stored");
    my $wrong = grep { my $got = $c->get("s$bytes-$_"); defined $got && $got ne $value } 1 .. 20;
    is($wrong, 0, ' ... none of them is damaged');
}
$server->stop;

# What is read stays longer than what is not.
$server = server('-m', 8);
$c = $server->conn;
set_ok($c, 'loved', $kilobyte);
for my $round (1 .. 300) {
    $c->put(join '', map { "set r$round-$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. 100);
    reply_is($c, "get loved\r\n", "VALUE loved 0 1000\r\n$kilobyte\r\nEND\r\n",
             'what is read again and again is not evicted') or last if $round % 100 == 0;
    $c->get('loved');
}
cmp_ok($c->stats->{evictions}, '>', 10_000, ' ... while all else is');
$server->stop;

# -M: refusal, and it frees itself by deleting.
$server = server('-m', 8, '-M');
$c = $server->conn;
my $stored = 0;
my $reply;
while ($stored < 20_000) {
    $reply = $c->set("m$stored", $kilobyte);
    last if $reply ne "STORED\r\n";
    $stored++;
}
is($reply, $out_of_memory, "-M: full after $stored items");
cmp_ok($stored, '>', 5_000, ' ... that fill the memory');
stat_is($c, 'evictions', 0);
is(scalar @{ $c->retrieve('get ' . join ' ', map { "m$_" } 0 .. $stored - 1) }, $stored,
   ' ... and are all there');
# A few more may fit while the maintainer sorts items; then it is full for good.
poll_ok { $c->set('more' . $stored++, $kilobyte) eq $out_of_memory } 'full';
for my $verb ('add', 'set') {
    is($c->ask("$verb no 0 0 1000 noreply\r\n$kilobyte\r\n"), '', "$verb with noreply is silent");
    value_is($c, 'no', undef);
}
cmp_ok($c->stats->{store_no_memory}, '>=', 2, 'stats count the refusals');
value_is($c, 'm1', $kilobyte, 'reading goes on');
reply_is($c, "delete m1\r\n", "DELETED\r\n", 'deleting goes on');
poll_ok { $c->set('m1', $kilobyte) eq "STORED\r\n" } ' ... and makes room';
my ($larger, $count_larger) = ('z' x 100_000, 0);
poll_ok { $c->set('larger' . $count_larger++, $larger) eq $out_of_memory } 'full of larger items, too';
value_is($c, 'm2', $kilobyte);
reply_is($c, "set m2 0 0 100000\r\n$larger\r\n", $out_of_memory,
         'a set without room for it is refused and swallowed');
value_is($c, 'm2', undef, ' ... and the old value is gone, as it is no longer true');
# An item in several chunks may be refused when its first chunk is, or on the way.
my ($huge, $count_huge) = ('z' x 1_000_000, 0);
poll_ok {
    my $reply = $c->ask('set huge' . ++$count_huge . " 0 0 1000000\r\n$huge\r\n");
    $reply =~ /^SERVER_ERROR (?:out of memory storing object|Out of memory during read)\r\n\z/;
} 'a chunked item is refused and swallowed';
value_is($c, "huge$count_huge", undef, ' ... and not there');
$server->stop;

# Expired items make room before live ones have to go.
$server = server('-m', 8);
$c = $server->conn;
$c->put(join '', map { "set short$_ 0 2 1000 noreply\r\n$kilobyte\r\n" } 1 .. 2500);
$c->put(join '', map { "set live$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. 2500);
is($c->stats->{curr_items}, 5000, '2500 items that expire, and 2500 that do not');
poll_ok { !defined $c->get('short2500') } 'the first have expired', 8;
$c->put(join '', map { "set next$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. 2000);
is(scalar @{ $c->retrieve('get ' . join ' ', map { "next$_" } 1 .. 2000) }, 2000,
   'new items are stored');
$server->stop;

# A limit changed while running
$server = server('-m', 8);
$c = $server->conn;
reply_is($c, "cache_memlimit 32\r\n", "OK\r\n");
$c->put(join '', map { "set g$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. 20_000);
is($c->stats->{curr_items}, 20_000, 'cache_memlimit upwards: 20 MB fit where 8 MB was the limit');
stat_is($c, 'evictions', 0);
$server->stop;
done_testing;
