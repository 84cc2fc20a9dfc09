# The LRU: its segments, `lru mode|tune|temp_ttl`, flat mode, and what statistics tell of it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

sub lru_settings {
    my ($c) = @_;
    my $all = $c->stats('settings');
    return { map { $_ => $all->{$_} } grep { /^(?:hot_|warm_|temp|lru_(?:seg|main)|tail_repair)/ } keys %$all };
}

# The figures of one class, by name.
sub class_of {
    my ($c, $class) = @_;
    my $all = $c->stats('items');
    return { map { /^items:$class:(.*)/ ? ($1 => $all->{$_}) : () } keys %$all };
}

# The keys of the cold LRU, newest first.
sub cold_keys {
    my ($c, $class) = @_;
    return join ' ', $c->ask("stats cachedump $class 0\r\n") =~ /^ITEM (\S+) /mg;
}

my $server = server();
my $c = $server->conn;
is_deeply(lru_settings($c),
    { lru_maintainer_thread => 'yes', lru_segmented => 'yes', hot_lru_pct => 20, warm_lru_pct => 40,
      hot_max_factor => '0.20', warm_max_factor => '2.00', temp_lru => 'no', temporary_ttl => 61,
      tail_repair_time => 0 }, 'the settings of the LRU');

my ($ok, $error) = ("OK\r\n", "ERROR\r\n");
my $shares = "ERROR hot and warm pcts must not exceed 80\r\n";
my $factors = "ERROR hot/warm age factors must be greater than 0\r\n";
replies_are($c,
    [ "lru tune\r\n", $error ],
    [ "lru tune 10 25\r\n", $error ],
    [ "lru tune 10 25 0.1\r\n", $error ],
    [ "lru tune x 1 1 1\r\n", $error ],
    [ "lru tune 1 x 1 1\r\n", $error ],
    [ "lru tune 1 1 x 1\r\n", $error ],
    [ "lru tune 1 1 1 x\r\n", $error ],
    [ "lru tune -1 1 1 1\r\n", $error ],
    [ "lru tune 50 50 0.1 2\r\n", $shares ],
    [ "lru tune 40 41 0.1 2\r\n", $shares ],
    [ "lru tune 1 1 0 1\r\n", $factors ],
    [ "lru tune 1 1 -1 1\r\n", $factors ],
    [ "lru tune 1 1 1 -1\r\n", $factors ],
    [ "lru tune 40 40 0.1 2\r\n", $ok ],
    [ "lru tune 0 0 1e3 0.001\r\n", $ok ],
    [ "lru tune 10 25 0.1\t 2.0\t\r\n", $ok ],
    [ "lru tune 10 25 0.1x 2.0\r\n", $error ],
    [ "lru tune 10 25 0.1 2.0 noreply\r\n", '' ],
    [ "lru tune 10 25 0.1 2.0 x\r\n", $ok ],
    [ "lru tune 10 25 0.1 2.0 noreply x y\r\n", $ok ],
    [ "lru tune 11 22 0.3 4.5\r\n", $ok ],
    [ "lru mode\r\n", $error ],
    [ "lru mode x\r\n", $error ],
    [ "lru mode x noreply\r\n", '' ],
    [ "lru mode flat noreply\r\n", '' ],
    [ "lru temp_ttl\r\n", $error ],
    [ "lru temp_ttl x\r\n", $error ],
    [ "lru temp_ttl 10 20\r\n", $ok ],
    [ "lru temp_ttl 15 noreply\r\n", '' ],
    [ "lru foo\r\n", $error ],
    [ "lru foo bar\r\n", $error ],
);
is_deeply(lru_settings($c),
    { lru_maintainer_thread => 'yes', lru_segmented => 'no', hot_lru_pct => 11, warm_lru_pct => 22,
      hot_max_factor => '0.30', warm_max_factor => '4.50', temp_lru => 'yes', temporary_ttl => 15,
      tail_repair_time => 0 }, ' ... are what was asked for last');
replies_are($c, [ "lru temp_ttl -1\r\n", $ok ], [ "lru mode segmented\r\n", $ok ]);
is(lru_settings($c)->{temp_lru}, 'no', 'a negative ttl: no list of temporary items');
is(lru_settings($c)->{temporary_ttl}, 15, ' ... and the last ttl is still shown');
is(lru_settings($c)->{lru_segmented}, 'yes');
$server->stop;

# What is new is hot; unread, it becomes cold; read twice, it becomes warm on its way.
$server = server();
$c = $server->conn;
$c->put(join '', map { "set k$_ 0 0 1 noreply\r\n1\r\n" } 0 .. 99);
$c->ask("get k99\r\nget k99\r\n");
poll_ok { class_of($c, 1)->{number_hot} == 0 } 'the hot LRU empties';
my $items = class_of($c, 1);
is($items->{number_warm}, 1, ' ... what was read twice becomes warm');
is($items->{number_cold}, 99, ' ... all else cold');
is($items->{moves_to_cold}, 99);
is($items->{moves_to_warm}, 1);
is($items->{hits_to_hot}, 2);
is($c->stats->{moves_to_cold}, 99, 'stats say so, too');
is(cold_keys($c, 1), join(' ', map { "k$_" } reverse 0 .. 98), 'the order in cold is that of storing');
$c->ask("get k7\r\nget k7\r\n");
poll_ok { class_of($c, 1)->{number_warm} == 2 } 'what is read twice in cold becomes warm';
is(class_of($c, 1)->{moves_to_warm}, 2);
cmp_ok(class_of($c, 1)->{hits_to_cold}, '>=', 2, 'hits are counted where they fall');
$c->ask("lru mode flat\r\n");
poll_ok { class_of($c, 1)->{number_cold} == 100 } 'flat: hot and warm empty into cold';
set_ok($c, 'new', '1');
is(class_of($c, 1)->{number_cold}, 101, ' ... and what is new goes there at once');
like(cold_keys($c, 1), qr/^new /, ' ... at the head');
$c->ask("get k3\r\nget k3\r\nget k3\r\n");
unlike(cold_keys($c, 1), qr/^k3 /, 'a hit soon after the last does not move an item');
is(class_of($c, 1)->{number_warm}, 0);
$server->stop;

# Temporary items: a list of their own, which nothing is evicted from.
$server = server('-m', 8);
$c = $server->conn;
is($c->stats('items')->{'items:1:number_temp'}, undef, 'no number_temp without them');
reply_is($c, "lru temp_ttl 100\r\n", $ok);
set_ok($c, 'short', '1', 0, 100);
set_ok($c, 'long', '1', 0, 101);
set_ok($c, 'ever', '1');
$items = class_of($c, 1);
is($items->{number_temp}, 1, 'an item that lives no longer than temp_ttl is temporary');
is($items->{number}, 3);
$c->ask("get short\r\nget short\r\ntouch short 0\r\n");
is(class_of($c, 1)->{number_temp}, 1, ' ... hits and touches leave it where it is');
is(class_of($c, 1)->{hits_to_temp}, 2);
my $kilobyte = 'x' x 1000;
$c->put(join '', map { "set t$_ 0 90 1000 noreply\r\n$kilobyte\r\n" } 1 .. 2000);
$c->put(join '', map { "set e$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. 12_000);
cmp_ok($c->stats->{evictions}, '>', 5_000, 'memory is full and items are evicted');
is(scalar @{ $c->retrieve('get ' . join ' ', map { "t$_" } 1 .. 2000) }, 2000,
   ' ... of the temporary ones none');
is(class_of($c, 12)->{number_temp}, 2000);
set_ok($c, "u$_", $kilobyte, 0, 50) for 1;
$c->put(join '', map { "set u$_ 0 50 1000 noreply\r\n$kilobyte\r\n" } 1 .. 12_000);
is($c->set('no', $kilobyte), "SERVER_ERROR out of memory storing object\r\n",
   'a class that is full of temporary items takes no more');
reply_is($c, "lru temp_ttl -1\r\n", $ok);
is(class_of($c, 12)->{number_temp}, undef, 'number_temp is shown while they are asked for');
$server->stop;

# The same from the start.
$server = server('-o', 'temporary_ttl=30,hot_lru_pct=10,warm_lru_pct=30,hot_max_factor=0.5,warm_max_factor=3,tail_repair_time=20');
$c = $server->conn;
is_deeply(lru_settings($c),
    { lru_maintainer_thread => 'yes', lru_segmented => 'yes', hot_lru_pct => 10, warm_lru_pct => 30,
      hot_max_factor => '0.50', warm_max_factor => '3.00', temp_lru => 'yes', temporary_ttl => 30,
      tail_repair_time => 20 }, 'options set them');
set_ok($c, 'short', '1', 0, 30);
is(class_of($c, 1)->{number_temp}, 1);
$server->stop;

# Without maintainer: flat, and nothing is said of segments.
$server = server('-o', 'no_lru_maintainer', '-m', 8);
$c = $server->conn;
is_deeply([ @{ lru_settings($c) }{qw(lru_maintainer_thread lru_segmented)} ], [ 'no', 'no' ],
          'no_lru_maintainer: flat');
replies_are($c,
    [ "lru mode flat\r\n", $error ],
    [ "lru mode segmented\r\n", $error ],
    [ "lru temp_ttl 10\r\n", $error ],
    [ "lru tune 1 2 3 4\r\n", $ok ],
);
set_ok($c, "k$_", '1') for 0 .. 5;
$c->ask("get k2\r\nget k2\r\n");
is(join(' ', map { /^STAT items:1:(\S+)/ ? $1 : () } split /\r\n/, $c->ask("stats items\r\n")),
   'number age mem_requested evicted evicted_nonzero evicted_time outofmemory tailrepairs reclaimed '
   . 'expired_unfetched evicted_unfetched crawler_reclaimed crawler_items_checked lrutail_reflocked',
   'stats items without segments');
my $stats = $c->stats;
is(join(' ', grep { defined $stats->{$_} } qw(lru_maintainer_juggles evicted_active moves_to_cold
    moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped)), '', 'stats, too');
is(cold_keys($c, 1), 'k5 k4 k3 k2 k1 k0', 'the order is that of storing');
set_ok($c, 'k1', '2');
is(cold_keys($c, 1), 'k1 k5 k4 k3 k2 k0', ' ... or of storing anew');
$c->ask("append k3 0 0 1\r\n3\r\n");
is(cold_keys($c, 1), 'k3 k1 k5 k4 k2 k0', ' ... by append, too');
my $count = 20_000;
$c->put(join '', map { "set f$_ 0 0 1000 noreply\r\n$kilobyte\r\n" } 1 .. $count);
my @kept = map { $_->{key} } @{ $c->retrieve('get ' . join ' ', map { "f$_" } 1 .. $count) };
cmp_ok(scalar @kept, '>', 5_000, 'eviction');
is($kept[0], 'f' . ($count - @kept + 1), ' ... takes strictly the oldest');
is($kept[-1], "f$count");
$server->stop;
done_testing;
