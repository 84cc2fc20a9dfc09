# stats, stats settings, stats items, stats slabs: every field, in order, and not one more.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

# The names in a reply, in its order.
sub fields_of {
    my ($c, $request) = @_;
    return join ' ', $c->ask("$request\r\n") =~ /^STAT (\S+)/mg;
}

# A list without some of its words.
sub without {
    my ($list, @words) = @_;
    my %is_left_out = map { $_ => 1 } @words;
    return join ' ', grep { !$is_left_out{$_} } split ' ', $list;
}

sub in_one_line { return join ' ', split ' ', $_[0] }

my $general = in_one_line(<<'FIELDS');
pid uptime time version libevent pointer_size rusage_user rusage_system max_connections
curr_connections total_connections rejected_connections connection_structures response_obj_oom
response_obj_count response_obj_bytes read_buf_count read_buf_bytes read_buf_bytes_free read_buf_oom
reserved_fds cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired get_flushed
delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
touch_hits touch_misses store_too_large store_no_memory auth_cmds auth_errors bytes_read
bytes_written limit_maxbytes accepting_conns listen_disabled_num time_in_listen_disabled_us threads
conn_yields hash_power_level hash_bytes hash_is_expanding slab_reassign_rescues
slab_reassign_chunk_rescues slab_reassign_inline_reclaim slab_reassign_busy_items
slab_reassign_busy_deletes slab_reassign_busy_nomem slab_reassign_last_busy_status
slab_reassign_running slabs_moved
lru_crawler_running lru_crawler_starts lru_maintainer_juggles malloc_fails log_worker_dropped
log_worker_written log_watcher_skipped log_watcher_sent log_watchers unexpected_napi_ids
round_robin_fallback bytes curr_items total_items slab_global_page_pool expired_unfetched
evicted_unfetched evicted_active evictions reclaimed crawler_reclaimed crawler_items_checked
lrutail_reflocked moves_to_cold moves_to_warm moves_within_lru direct_reclaims lru_bumps_dropped
FIELDS

my $settings = in_one_line(<<'FIELDS');
maxbytes maxconns tcpport udpport inter verbosity oldest evictions domain_socket umask
shutdown_command growth_factor chunk_size num_threads num_threads_per_udp stat_key_prefix
detail_enabled reqs_per_event cas_enabled tcp_backlog binding_protocol auth_enabled_sasl
auth_enabled_ascii item_size_max maxconns_fast hashpower_init slab_reassign slab_automove
slab_automove_ratio slab_automove_window slab_chunk_max lru_crawler lru_crawler_sleep
lru_crawler_tocrawl tail_repair_time flush_enabled dump_enabled hash_algorithm lru_maintainer_thread
lru_segmented hot_lru_pct warm_lru_pct hot_max_factor warm_max_factor temp_lru temporary_ttl
idle_timeout watcher_logbuf_size worker_logbuf_size read_buf_mem_limit track_sizes
inline_ascii_response ext_item_size ext_item_age ext_low_ttl ext_recache_rate ext_wbuf_size
ext_compact_under ext_drop_under ext_max_sleep ext_max_frag slab_automove_freeratio ext_drop_unread
ssl_enabled ssl_chain_cert ssl_key ssl_verify_mode ssl_keyformat ssl_ciphers ssl_ca_cert
ssl_wbuf_size ssl_session_cache ssl_kernel_tls ssl_min_version proxy_enabled proxy_uring_enabled
num_napi_ids memory_file client_flags_size
FIELDS

my $items = in_one_line(<<'FIELDS');
number number_hot number_warm number_cold age_hot age_warm age mem_requested evicted evicted_nonzero
evicted_time outofmemory tailrepairs reclaimed expired_unfetched evicted_unfetched evicted_active
crawler_reclaimed crawler_items_checked lrutail_reflocked moves_to_cold moves_to_warm
moves_within_lru direct_reclaims hits_to_hot hits_to_warm hits_to_cold hits_to_temp
FIELDS

my $slabs = in_one_line(<<'FIELDS');
chunk_size chunks_per_page total_pages total_chunks used_chunks free_chunks free_chunks_end get_hits
cmd_set delete_hits incr_hits decr_hits cas_hits cas_badval touch_hits
FIELDS

my @slab_moves = qw(slab_reassign_rescues slab_reassign_chunk_rescues slab_reassign_inline_reclaim
    slab_reassign_busy_items slab_reassign_busy_deletes slab_reassign_busy_nomem
    slab_reassign_last_busy_status slab_reassign_running slabs_moved);
my @crawls = qw(lru_crawler_running lru_crawler_starts);
my @maintained = qw(lru_maintainer_juggles evicted_active moves_to_cold moves_to_warm
    moves_within_lru direct_reclaims lru_bumps_dropped);
my @class_maintained = qw(number_hot number_warm number_cold age_hot age_warm
    moves_to_cold moves_to_warm moves_within_lru direct_reclaims evicted_active
    hits_to_hot hits_to_warm hits_to_cold hits_to_temp);

my $server = server();
plan skip_all => 'older versions have other fields' unless $server->does('stats_as_now');
$general = without($general, 'slab_reassign_last_busy_status')
    unless $server->does('slab_busy_status');

# [options, fields of `stats` that go with them, fields of `stats items` that do]
for my $row (
    [ [] ],
    [ [ '-o', 'no_maxconns_fast' ],  ['rejected_connections'] ],
    [ [ '-o', 'no_slab_reassign' ],  \@slab_moves ],
    [ [ '-o', 'no_lru_crawler' ],    \@crawls ],
    [ [ '-o', 'no_lru_maintainer' ], \@maintained, \@class_maintained ],
    [ [ '-o', 'no_modern' ], [ 'rejected_connections', @slab_moves, @crawls, @maintained ],
      \@class_maintained ],
) {
    my ($options, $general_gone, $items_gone) = @$row;
    my $with = @$options ? " with @$options" : '';
    $server->stop;
    $server = server(@$options);
    my $c = $server->conn;
    $c->set('k', 1);
    is(fields_of($c, 'stats'), without($general, @{ $general_gone // [] }), "stats$with");
    is(fields_of($c, 'stats settings'), $settings, "stats settings$with");
    is(fields_of($c, 'stats items'),
       join(' ', map { "items:1:$_" } split ' ', without($items, @{ $items_gone // [] })),
       "stats items$with");
    is(fields_of($c, 'stats slabs'),
       join(' ', map({ "1:$_" } split ' ', $slabs), 'active_slabs', 'total_malloced'),
       "stats slabs$with");
}
$server->stop;

# Fields that only an option brings.
$server = server('-o', 'idle_timeout=60,temporary_ttl=60');
my $c = $server->conn;
$c->set('k', 1);
(my $with_kicks = $general) =~ s/auth_errors/auth_errors idle_kicks/;
is(fields_of($c, 'stats'), $with_kicks, 'stats with -o idle_timeout: idle_kicks');
(my $with_temporary = $items) =~ s/number_cold/number_cold number_temp/;
is(fields_of($c, 'stats items'), join(' ', map { "items:1:$_" } split ' ', $with_temporary),
   'stats items with -o temporary_ttl: number_temp');
$server->stop;
done_testing;
