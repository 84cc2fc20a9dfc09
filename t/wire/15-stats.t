# stats: the groups, their fields, and figures that move when they should.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

my @general = qw(pid uptime time version libevent pointer_size rusage_user rusage_system
    max_connections curr_connections total_connections rejected_connections connection_structures
    response_obj_oom response_obj_count response_obj_bytes read_buf_count read_buf_bytes
    read_buf_bytes_free read_buf_oom reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta
    get_hits get_misses get_expired get_flushed delete_misses delete_hits incr_misses incr_hits
    decr_misses decr_hits cas_misses cas_hits cas_badval touch_hits touch_misses
    store_too_large store_no_memory auth_cmds auth_errors bytes_read bytes_written limit_maxbytes
    accepting_conns listen_disabled_num time_in_listen_disabled_us threads conn_yields
    hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues
    slab_reassign_inline_reclaim slab_reassign_chunk_rescues slab_reassign_busy_items
    slab_reassign_busy_deletes slab_reassign_running slabs_moved lru_crawler_running
    lru_crawler_starts lru_maintainer_juggles malloc_fails log_worker_dropped log_worker_written
    log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids round_robin_fallback
    bytes curr_items total_items slab_global_page_pool expired_unfetched evicted_unfetched
    evicted_active evictions reclaimed crawler_reclaimed crawler_items_checked lrutail_reflocked
    moves_to_cold moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped);
my $stats = $c->stats;
is(join(' ', grep { !defined $stats->{$_} } @general), '', 'no field of `stats` is missing');
is(join(' ', grep { $stats->{$_} =~ / / || $stats->{$_} eq '' } keys %$stats), '',
   'every value is one word');
is($stats->{pointer_size}, 64);
like($stats->{rusage_user}, qr/^\d+\.\d{6}\z/, 'rusage_user is seconds with six places');
ok(abs($stats->{time} - time) <= 2, 'time is the time');
is($stats->{curr_items}, 0, 'nothing is stored yet');
is($stats->{total_items}, 0);
is($stats->{bytes}, 0);
is($stats->{threads}, 4, '4 threads unless told otherwise');
is($stats->{max_connections}, 1024, '1024 connections, too');
is($stats->{limit_maxbytes}, 64 * 1048576, 'and 64 megabytes');

like($c->ask("stats\r\n"), qr/^STAT pid \d+\r\n(?:STAT \S+ \S+\r\n)+END\r\n\z/, 'the form of `stats`');

# [request, what grows by how much]
for my $row (
    [ "set a 0 0 1\r\n1\r\n",  cmd_set => 1, total_items => 1, curr_items => 1 ],
    [ "set a 0 0 1\r\n1\r\n",  cmd_set => 1, total_items => 1, curr_items => 0 ],
    [ "set q 0 0 1 noreply\r\n1\r\n", cmd_set => 1, total_items => 1, curr_items => 1 ],
    [ "add a 0 0 1\r\n1\r\n",  cmd_set => 1, total_items => 0 ],
    [ "get a\r\n",             cmd_get => 1, get_hits => 1, get_misses => 0 ],
    [ "get m\r\n",             cmd_get => 1, get_hits => 0, get_misses => 1 ],
    [ "get a m q m\r\n",       cmd_get => 4, get_hits => 2, get_misses => 2 ],
    [ "gets a m\r\n",          cmd_get => 2, get_hits => 1, get_misses => 1 ],
    [ "incr a 1\r\n",          incr_hits => 1, incr_misses => 0 ],
    [ "incr m 1\r\n",          incr_hits => 0, incr_misses => 1 ],
    [ "decr a 1\r\n",          decr_hits => 1, decr_misses => 0 ],
    [ "decr m 1\r\n",          decr_hits => 0, decr_misses => 1 ],
    [ "touch a 0\r\n",         cmd_touch => 1, touch_hits => 1, touch_misses => 0 ],
    [ "touch m 0\r\n",         cmd_touch => 1, touch_hits => 0, touch_misses => 1 ],
    [ "gat 0 a\r\n",           cmd_touch => 1, touch_hits => 1, cmd_get => 0, get_hits => 0 ],
    [ "cas m 0 0 1 1\r\n1\r\n", cas_misses => 1, cas_hits => 0, cas_badval => 0 ],
    [ "cas a 0 0 1 1\r\n1\r\n", cas_misses => 0, cas_hits => 0, cas_badval => 1 ],
    [ "delete q\r\n",          delete_hits => 1, delete_misses => 0, curr_items => -1 ],
    [ "delete q\r\n",          delete_hits => 0, delete_misses => 1 ],
    [ "flush_all\r\n",         cmd_flush => 1 ],
    [ "get a\r\n",             get_misses => 1, get_hits => 0 ],
    [ "set e 0 -1 1\r\n1\r\nget e\r\n", get_expired => 1, get_misses => 1, get_hits => 0 ],
    [ "set l 0 0 1048576\r\n" . 'x' x 1048576 . "\r\n", store_too_large => 1 ],
    [ "mg m v\r\n",            cmd_meta => 0, get_misses => 1 ],
) {
    my ($request, %grows) = @$row;
    my $before = $c->stats;
    $c->ask($request);
    my $after = $c->stats;
    my %grew = map { $_ => $after->{$_} - $before->{$_} } keys %grows;
    is_deeply(\%grew, \%grows, 'what ' . show($request) . ' counts') or diag(explain \%grew);
}
my $cas = do { $c->set('a', '1'); $c->cas_of('a') };
my $hits = $c->stats->{cas_hits};
$c->ask("cas a 0 0 1 $cas\r\n2\r\n");
stat_is($c, 'cas_hits', $hits + 1);

my $before = $c->stats;
$c->ask("set big 0 0 100000\r\n" . 'x' x 100000 . "\r\nget big\r\n");
my $after = $c->stats;
cmp_ok($after->{bytes_read} - $before->{bytes_read}, '>=', 100000, 'bytes_read counts');
cmp_ok($after->{bytes_written} - $before->{bytes_written}, '>=', 100000, 'bytes_written counts');
cmp_ok($after->{bytes} - $before->{bytes}, '>=', 100000, 'bytes counts what is stored');
$c->ask("delete big\r\n");
cmp_ok($c->stats->{bytes}, '<', 100000, ' ... and no longer when it is deleted');

my @more = conns($server, 5);
$_->ask('') for @more;
my $open = $c->stats;
$_->close for @more[ 0 .. 2 ];
poll_ok { $c->stats->{curr_connections} == $open->{curr_connections} - 3 }
    'curr_connections falls when clients leave';
is($c->stats->{total_connections}, $open->{total_connections}, 'total_connections does not');

# settings
my $settings = $c->stats('settings');
my %expected = (
    maxbytes => 67108864, maxconns => 1024, tcpport => $server->port, udpport => 0,
    inter => '127.0.0.1', verbosity => 0, evictions => 'on', domain_socket => 'NULL', umask => 700,
    shutdown_command => 'no', growth_factor => '1.25', chunk_size => 48, num_threads => 4,
    detail_enabled => 'no', reqs_per_event => 20, cas_enabled => 'yes', tcp_backlog => 1024,
    auth_enabled_sasl => 'no', item_size_max => 1048576, maxconns_fast => 'yes',
    flush_enabled => 'yes', dump_enabled => 'yes', binding_protocol => 'auto-negotiate',
    lru_maintainer_thread => 'yes', lru_segmented => 'yes', hot_lru_pct => 20, warm_lru_pct => 40,
    temp_lru => 'no', idle_timeout => 0, slab_chunk_max => 524288, ssl_enabled => 'no',
);
for my $field (sort keys %expected) {
    is($settings->{$field}, $expected{$field}, "stats settings: $field");
}
like($c->ask("stats settings\r\n"), qr/^STAT maxbytes \d+\r\n(?:STAT \S+ [^\r]*\r\n)+END\r\n\z/,
     'the form of `stats settings`');

# items and slabs
$server->stop;
$server = server();
$c = $server->conn;
reply_is($c, "stats items\r\n", "END\r\n", 'stats items of an empty server');
is($c->stats('slabs')->{active_slabs}, 0, 'no slab class is in use');
$c->set("k$_", 'x' x 10) for 1 .. 50;
$c->set("l$_", 'x' x 1000) for 1 .. 20;
$c->ask("get k1\r\nget k2\r\n");
my $items = $c->stats('items');
my ($small, $large) = sort { $a <=> $b } map { /^items:(\d+):number\z/ ? $1 : () } keys %$items;
is($small, 1, 'short items are in class 1');
is($items->{"items:$small:number"}, 50);
is($items->{"items:$large:number"}, 20);
ok(defined $items->{"items:$small:$_"}, "stats items: $_")
    for qw(number number_hot number_warm number_cold age_hot age_warm age mem_requested evicted
           evicted_nonzero evicted_time outofmemory tailrepairs reclaimed expired_unfetched
           evicted_unfetched evicted_active crawler_reclaimed crawler_items_checked
           lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims
           hits_to_hot hits_to_warm hits_to_cold hits_to_temp);
my $slabs = $c->stats('slabs');
is($slabs->{active_slabs}, 2, 'two slab classes are in use');
is($slabs->{'1:chunk_size'}, 96, 'chunks of class 1 are of 96 bytes');
is($slabs->{'1:chunks_per_page'}, 10922, '10922 of them fill a page');
is($slabs->{'1:total_pages'}, 1);
is($slabs->{'1:total_chunks'}, 10922);
is($slabs->{'1:used_chunks'}, 50);
is($slabs->{'1:free_chunks'}, 10922 - 50);
is($slabs->{'1:get_hits'}, 2);
is($slabs->{'1:cmd_set'}, 50);
ok(defined $slabs->{"1:$_"}, "stats slabs: $_")
    for qw(free_chunks_end delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits);
cmp_ok($slabs->{total_malloced}, '>=', 2 * 1048576, 'total_malloced');

# conns
my $conns = $c->stats('conns');
my @states = grep { /:state\z/ } keys %$conns;
ok((grep { $conns->{$_} eq 'conn_listening' } @states), 'stats conns: a listening socket');
my ($own) = grep { $conns->{$_} =~ /^tcp:127\.0\.0\.1:(\d+)\z/ && $1 == $c->{sock}->sockport }
    grep { /:addr\z/ } keys %$conns;
ok($own, 'stats conns: this connection by its address');
$own =~ s/:addr\z//;
is($conns->{"$own:listen_addr"}, 'tcp:127.0.0.1:' . $server->port, ' ... and where it came in');
is($conns->{"$own:state"}, 'conn_parse_cmd', ' ... and what it does');
like($conns->{"$own:secs_since_last_cmd"}, qr/^\d+\z/, ' ... and since when');
for my $row (
    [ 'half a line',             'get a',                       'conn_read' ],
    [ 'half a value',            "set half 0 0 10\r\nabc",      'conn_nread' ],
    [ 'half a large one',        "set half 0 0 100000\r\nabc",  'conn_nread' ],
    [ 'no end of a value',       "set half 0 0 3\r\nabc",       'conn_nread' ],
    [ 'half of one refused',     "set half 0 0 9000000\r\nabc", 'conn_swallow' ],
    [ 'half a binary head',      "\x80\x0a\0\0",               'conn_read' ],
    [ 'half a binary request',   pack('CCnCCnNNx8', 0x80, 1, 1, 8, 0, 0, 12, 0) . "\0" x 8 . 'k',
      'conn_nread' ],
) {
    my ($what, $said, $state) = @$row;
    my $other = $server->conn;
    $other->put($said);
    my $name = 'tcp:127.0.0.1:' . $other->{sock}->sockport;
    my $is;
    poll_until {
        my $now = $c->stats('conns');
        my ($fd) = map { /^(\d+):addr\z/ && $now->{$_} eq $name ? $1 : () } keys %$now;
        $is = defined $fd ? $now->{"$fd:state"} : 'gone';
        return $is eq $state;
    };
    is($is, $state, "stats conns: of who says $what");
    $other->close;
}

# sizes, reset
reply_is($c, "stats sizes\r\n", "STAT sizes_status disabled\r\nEND\r\n", 'stats sizes are off');
reply_is($c, "stats reset\r\n", "RESET\r\n");
my $reset = $c->stats;
is($reset->{$_}, 0, "stats reset: $_ is 0") for qw(cmd_get cmd_set get_hits get_misses total_items);
is($reset->{curr_items}, 70, ' ... the items are still there');
reply_is($c, "stats reset x\r\n", "RESET\r\n");
reply_is($c, "stats bogus\r\n", "ERROR\r\n");
$server->stop;

# What options do to them
$server = server(qw(-t 2 -m 100 -c 200 -R 5 -n 64 -f 1.5 -b 77 -A -M -F -C));
$c = $server->conn;
$settings = $c->stats('settings');
my %told = (num_threads => 2, maxbytes => 104857600, maxconns => 200, reqs_per_event => 5,
            chunk_size => 64, growth_factor => '1.50', tcp_backlog => 77,
            shutdown_command => 'yes', evictions => 'off', flush_enabled => 'no',
            cas_enabled => 'no');
is($settings->{$_}, $told{$_}, "by option: $_") for sort keys %told;
stat_is($c, 'threads', 2);
stat_is($c, 'limit_maxbytes', 104857600);
stat_is($c, 'max_connections', 200);
$server->stop;
done_testing;
