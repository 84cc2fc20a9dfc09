# Options and suboptions, their bounds and what is said of a bad value: one row each, the same for
# memcached and for us. What `stats settings` shows tells that a value was taken.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my @user = Wire::Server::user_options();
my $is_ours = Wire::Server::is_replicating();
my $help = do { my $run = Wire::Server->spawn('-h'); $run->wait_end; $run->stdout };

# Options of ours that are not built into every server: a row of one that is not is passed over.
my %is_unbuilt;
sub is_built {
    my ($suboption) = @_;
    return 1 unless $is_ours;
    return !($is_unbuilt{$suboption} //= do {
        my $run = Wire::Server->spawn(@user, '-o', $suboption, '-V');
        $run->wait_end;
        $run->stderr =~ /not built into this server/ ? 1 : 0;
    });
}

# Taken: [arguments, {field of stats settings => value}]. All servers run at once.
my @taken = (
    [ [],                                  { maxconns_fast => 'yes', hash_algorithm => 'murmur3',
                                             hashpower_init => 0, idle_timeout => 0, evictions => 'on',
                                             growth_factor => '1.25', chunk_size => 48, num_threads => 4,
                                             reqs_per_event => 20, cas_enabled => 'yes', umask => 700,
                                             tcp_backlog => 1024, binding_protocol => 'auto-negotiate',
                                             auth_enabled_sasl => 'no', auth_enabled_ascii => 'no',
                                             item_size_max => 1048576, slab_chunk_max => 524288,
                                             flush_enabled => 'yes', dump_enabled => 'yes',
                                             tail_repair_time => 0, shutdown_command => 'no',
                                             hot_lru_pct => 20, warm_lru_pct => 40, verbosity => 0,
                                             read_buf_mem_limit => 0, track_sizes => 'no',
                                             domain_socket => 'NULL', maxbytes => 67108864,
                                             maxconns => 1024, ssl_enabled => 'no' } ],
    [ [ '-A' ],                            { shutdown_command => 'yes' } ],
    [ [ '-C' ],                            { cas_enabled => 'no' } ],
    [ [ '-F' ],                            { flush_enabled => 'no' } ],
    [ [ '-M' ],                            { evictions => 'off' } ],
    [ [ '-X' ],                            { dump_enabled => 'no' } ],
    [ [ '-W' ],                            {} ],
    [ [ '-L' ],                            {} ],
    [ [ '-r' ],                            {} ],
    [ [ '-vv' ],                           { verbosity => 2 } ],
    [ [ '-v', '-v', '-v' ],                { verbosity => 3 } ],
    [ [ '-a', '777' ],                     { umask => 777 } ],
    [ [ '-b', '99' ],                      { tcp_backlog => 99 } ],
    [ [ '-B', 'ascii' ],                   { binding_protocol => 'ascii' } ],
    [ [ '-c', '77' ],                      { maxconns => 77 } ],
    [ [ '-f', '1.5' ],                     { growth_factor => '1.50' } ],
    [ [ '-m', '100' ],                     { maxbytes => 104857600 } ],
    [ [ '-m', '100m' ],                    { maxbytes => 104857600 } ],
    [ [ '-m', '100 ', '-c', '77x', '-t', '2 ', '-R', '5,', '-b', '99x', '-a', '770x', '-f', '1.5x' ],
      { maxbytes => 104857600, maxconns => 77, num_threads => 2, reqs_per_event => 5,
        tcp_backlog => 99, umask => 770, growth_factor => '1.50' } ],
    [ [ '-o', 'hot_lru_pct=10%,warm_lru_pct=30%,idle_timeout=7s,hot_max_factor=0.5x' ],
      { hot_lru_pct => 10, warm_lru_pct => 30, idle_timeout => 7, hot_max_factor => '0.50' } ],
    [ [ '-n', '96' ],                      { chunk_size => 96 } ],
    [ [ '-R', '5' ],                       { reqs_per_event => 5 } ],
    [ [ '-t', '2' ],                       { num_threads => 2 } ],
    [ [ '-I', '2m' ],                      { item_size_max => 2097152 } ],
    [ [ '-I', '2M' ],                      { item_size_max => 2097152 } ],
    [ [ '-I', '512k' ],                    { item_size_max => 524288 } ],
    [ [ '-I', '1048576' ],                 { item_size_max => 1048576 } ],
    [ [ '--enable-shutdown', '--disable-cas', '--disable-flush-all', '--disable-evictions',
        '--disable-dumping', '--disable-watch', '--unix-mask=770', '--listen-backlog=99',
        '--protocol=ascii', '--conn-limit=77', '--slab-growth-factor=1.5', '--memory-limit=100',
        '--slab-min-size=96', '--max-reqs-per-event=5', '--threads=2', '--max-item-size=2m',
        '--enable-largepages', '--enable-coredumps', '--udp-port=0', '--extended=track_sizes' ],
      { shutdown_command => 'yes', cas_enabled => 'no', flush_enabled => 'no', evictions => 'off',
        dump_enabled => 'no', umask => 770, tcp_backlog => 99, binding_protocol => 'ascii',
        maxconns => 77, growth_factor => '1.50', maxbytes => 104857600, chunk_size => 96,
        reqs_per_event => 5, num_threads => 2, item_size_max => 2097152, track_sizes => 'yes' } ],
    [ [ '--memory-l', '100' ],                  { maxbytes => 104857600 } ],
    [ [ 'a', 'word', '-F' ],               { flush_enabled => 'no' } ],
    [ [ '-o', 'modern' ],                  {} ],
    [ [ '-o', 'modern=1,' ],               {} ],
    [ [ '-o', 'no_maxconns_fast' ],        { maxconns_fast => 'no' } ],
    [ [ '-o', 'no_maxconns_fast,maxconns_fast' ], { maxconns_fast => 'yes' } ],
    [ [ '-o', 'no_maxconns_fast,hashpower=20,hash_algorithm=jenkins,idle_timeout=7,track_sizes=x' ],
      { maxconns_fast => 'no', hashpower_init => 20, hash_algorithm => 'jenkins', idle_timeout => 7,
        track_sizes => 'yes' } ],
    [ [ '-o', 'idle_timeout=7', '-o', 'hashpower=17', '-o', 'idle_timeout=8' ],
      { idle_timeout => 8, hashpower_init => 17 } ],
    [ [ '-o', 'hash_algorithm=xxh3' ],     { hash_algorithm => 'xxh3' } ],
    [ [ '-o', 'hash_algorithm=murmur3' ],  { hash_algorithm => 'murmur3' } ],
    [ [ '-o', 'tail_repair_time=10' ],     { tail_repair_time => 10 } ],
    [ [ '-o', 'slab_chunk_max=256' ],      { slab_chunk_max => 262144 } ],
    [ [ '-o', 'slab_chunk_max=1024' ],     { slab_chunk_max => 1048576 } ],
    [ [ '-o', 'no_chunked_items' ],        { slab_chunk_max => 1048576 } ],
    [ [ '-o', 'read_buf_mem_limit=5' ],    { read_buf_mem_limit => 5242880 } ],
    [ [ '-o', 'hot_lru_pct=10,warm_lru_pct=30' ], { hot_lru_pct => 10, warm_lru_pct => 30 } ],
    [ [ '-o', 'hot_max_factor=0.5,warm_max_factor=3' ],
      { hot_max_factor => '0.50', warm_max_factor => '3.00' } ],
    [ [ '-o', 'temporary_ttl=5' ],         { temp_lru => 'yes', temporary_ttl => 5 } ],
    [ [ '-o', 'no_lru_maintainer' ],       { lru_maintainer_thread => 'no', lru_segmented => 'no' } ],
    [ [ '-o', 'no_lru_crawler' ],          { lru_crawler => 'no' } ],
    [ [ '-o', 'lru_crawler_sleep=1000000' ], { lru_crawler_sleep => 1000000 } ],
    [ [ '-o', 'lru_crawler_tocrawl=5' ],   { lru_crawler_tocrawl => 5 } ],
    [ [ '-o', 'slab_reassign' ],           { slab_reassign => 'yes' } ],
    [ [ '-o', 'no_slab_reassign' ],        { slab_reassign => 'no' } ],
    [ [ '-o', 'slab_automove=0' ],         { slab_automove => 0 } ],
    [ [ '-o', 'slab_automove=2' ],         { slab_automove => 2 } ],
    [ [ '-o', 'no_slab_automove' ],        { slab_automove => 0 } ],
    [ [ '-o', 'no_slab_automove=2' ],      { slab_automove => 0 } ],
    [ [ '-o', 'slab_automove_ratio=0.5' ], { slab_automove_ratio => '0.50' } ],
    [ [ '-o', 'slab_automove_window=3' ],  { slab_automove_window => 3 } ],
    [ [ '-o', 'slab_automove' ],           { slab_automove => 1 } ],
    [ [ '-o', 'slab_automove_freeratio=0.25' ], { slab_automove_freeratio => '0.250' } ],
    [ [ '-o', 'watcher_logbuf_size=10' ],  { watcher_logbuf_size => 10240 } ],
    [ [ '-o', 'no_modern' ],               { maxconns_fast => 'no', slab_reassign => 'no', slab_automove => 0,
                                             lru_crawler => 'no', hash_algorithm => 'jenkins',
                                             lru_maintainer_thread => 'no', lru_segmented => 'no' } ],
    [ [ '-o', 'no_modern,lru_maintainer,hash_algorithm=murmur3,maxconns_fast' ],
      { maxconns_fast => 'yes', slab_reassign => 'no', lru_crawler => 'no', hash_algorithm => 'murmur3',
        lru_maintainer_thread => 'yes', lru_segmented => 'yes' } ],
    [ [ '-o', 'no_hashexpand' ],           {} ],
    [ [ '-o', 'no_drop_privileges' ],      {} ],
    [ [ '-o', 'resp_obj_mem_limit=5' ],    {} ],
    [ [ '-o', 'inline_ascii_resp,no_inline_ascii_resp' ], {} ],
);
push @taken, [ [ '-o', 'relaxed_privileges' ], {} ],
    [ [ '-o', 'worker_logbuf_size=10' ], { worker_logbuf_size => 10240 } ] if $is_ours;
my $counts_kilobytes = Wire::Versions::does('slab_chunk_max_kilobytes', Wire::Server::version());
my @running;
for my $row (@taken) {
    my ($arguments, $fields) = @$row;
    my ($list) = map { $arguments->[ $_ + 1 ] } grep { $arguments->[$_] eq '-o' } 0 .. $#$arguments;
    my ($first) = split /,/, $list // '';
    next if $first && !is_built($first);
    next if $list && $list =~ /slab_chunk_max|no_chunked/ && !$counts_kilobytes;
    my $server = server(@$arguments);
    my $got = $server->conn->stats('settings');
    my $name = @$arguments ? join ' ', @$arguments : 'no option';
    is_deeply({ map { ($_ => $got->{$_}) } keys %$fields }, $fields, "$name is taken");
    push @running, $server;
    next if @running < 8;
    $_->signal('TERM') for @running;
    $_->stop for splice @running;
}
$_->signal('TERM') for @running;
$_->stop for @running;

# Refused: [arguments, exit status, what stderr begins with]
my @refused = (
    [ '-c 0',           1,  'Maximum connections must be greater than 0' ],
    [ '-c -1',          1,  'Maximum connections must be greater than 0' ],
    [ '-c x',           1,  'Maximum connections must be greater than 0' ],
    [ '-q',             1,  '' ],
    [ '--fooble',       1,  '' ],
    [ '--m=1',          1,  '' ], # several begin like that
    [ '-Y /nonexistent/file', 1, 'Could not open authfile [/nonexistent/file] for reading' ],
    [ '-Y /nonexistent/file -U 1234', 64, 'Cannot use UDP with ascii authentication enabled' ],
    [ '-f 0.5',         1,  'Factor must be greater than 1' ],
    [ '-m 0',           64, 'Cannot set item size limit higher than 1/2 of memory max' ],
    [ '-I 0',           64, 'Item max size cannot be less than 1024 bytes' ],
    [ '-t 0',           1,  'Number of threads must be greater than 0' ],
    [ '-t x',           1,  'Number of threads must be greater than 0' ],
    [ '-R 0',           1,  'Number of requests per event must be greater than 0' ],
    [ '-N 0',           1,  'Maximum number of NAPI IDs must be greater than 0' ],
    [ '-N x',           1,  'Maximum number of NAPI IDs must be greater than 0' ],
    [ '-N 5',           64, 'Number of napi_ids(5) cannot be greater than number of threads(4)' ],
    [ '-f 1',           1,  'Factor must be greater than 1' ],
    [ '-f x',           1,  'Factor must be greater than 1' ],
    [ '-n 0',           1,  'Chunk size must be greater than 0' ],
    [ '-n x',           1,  'Chunk size must be greater than 0' ],
    [ '-p 70000',       64, 'ERROR: Invalid port number 70000' ],
    [ '-B http',        64, 'Invalid value for binding protocol: http' ],
    [ '-I x',           64, 'Item max size cannot be less than 1024 bytes' ],
    [ '-I 1023',        64, 'Item max size cannot be less than 1024 bytes' ],
    [ '-I 40m',         64, 'Cannot set item size limit higher than 1/2 of memory max' ],
    [ '-m 1',           64, 'Cannot set item size limit higher than 1/2 of memory max' ],
    [ '-I 1025m -m 4096', 64, 'Cannot set item size limit higher than a gigabyte' ],
    [ '-I 1k',          64, 'slab_chunk_max (bytes: 524288) cannot be larger than -I (item_size_max 1024)' ],
    [ '-o slab_chunk_max=300', 64, '-I (item_size_max: 1048576) must be evenly divisible by slab_chunk_max (bytes: 307200)' ],
    [ '-u no-such-user', 67, "can't find the user no-such-user to switch to" ],
    [ '-l notls:127.0.0.1:1', 71, "'notls' option is valid only when SSL is enabled" ],
    [ '-o fooble',      1,  'Illegal suboption "fooble"' ],
    [ '-o fooble=1',    1,  'Illegal suboption "fooble=1"' ],
    [ '-o modern,fooble', 1, 'Illegal suboption "fooble"' ],
    [ '-o modern,,',    1,  'Illegal suboption ""' ],
    [ '-o no_idle_timeout', 1, 'Illegal suboption "no_idle_timeout"' ],
    [ '-o no_track_sizes', 1, 'Illegal suboption "no_track_sizes"' ],
    [ '-o hashpower',   1,  'Missing numeric argument for hashpower' ],
    [ '-o hashpower=11', 1, 'Initial hashtable multiplier of 11 is too low' ],
    [ '-o hashpower=0', 1,  'Initial hashtable multiplier of 0 is too low' ],
    [ '-o hashpower=33', 1, 'Initial hashtable multiplier of 33 is too high' ],
    [ '-o hash_algorithm', 1, 'Missing hash_algorithm argument' ],
    [ '-o hash_algorithm=md5', 1, 'Unknown hash_algorithm option (jenkins, murmur3, xxh3)' ],
    [ '-o idle_timeout', 1, 'Missing numeric argument for idle_timeout' ],
    [ '-o tail_repair_time', 1, 'Missing numeric argument for tail_repair_time' ],
    [ '-o tail_repair_time=9', 1, 'Cannot set tail_repair_time to less than 10 seconds' ],
    [ '-o slab_chunk_max', 1, 'Missing slab_chunk_max argument' ],
    [ '-o slab_chunk_max=2048', 1, 'slab_chunk_max must be specified in kilobytes' ],
    [ '-o read_buf_mem_limit', 1, 'Missing read_buf_mem_limit argument' ],
    [ '-o read_buf_mem_limit=x', 1, 'could not parse argument to read_buf_mem_limit' ],
    [ '-o read_buf_mem_limit=-1', 1, 'could not parse argument to read_buf_mem_limit' ],
    [ '-o hot_lru_pct', 1,  'Missing hot_lru_pct argument' ],
    [ '-o hot_lru_pct=0', 1, 'hot_lru_pct must be > 1 and < 80' ],
    [ '-o hot_lru_pct=80', 1, 'hot_lru_pct must be > 1 and < 80' ],
    [ '-o warm_lru_pct', 1, 'Missing warm_lru_pct argument' ],
    [ '-o warm_lru_pct=x', 1, 'warm_lru_pct must be > 1 and < 80' ],
    [ '-o hot_lru_pct=79', 64, 'hot_lru_pct + warm_lru_pct cannot be more than 80% combined' ],
    [ '-o hot_max_factor', 1, 'Missing hot_max_factor argument' ],
    [ '-o hot_max_factor=0', 1, 'hot_max_factor must be > 0' ],
    [ '-o warm_max_factor=x', 1, 'warm_max_factor must be > 0' ],
    [ '-o temporary_ttl', 1, 'Missing temporary_ttl argument' ],
    [ '-o no_lru_maintainer,temporary_ttl=5', 64, 'temporary_ttl requires lru_maintainer to be enabled' ],
    [ '-o lru_crawler_sleep', 1, 'Missing lru_crawler_sleep value' ],
    [ '-o lru_crawler_sleep=1000001', 1, 'LRU crawler sleep must be between 0 and 1 second' ],
    [ '-o lru_crawler_tocrawl', 1, 'Missing lru_crawler_tocrawl value' ],
    [ '-o lru_crawler_tocrawl=x', 1, 'lru_crawler_tocrawl takes a numeric 32bit value' ],
    [ '-o slab_automove=3', 1, 'slab_automove must be between 0 and 2' ],
    [ '-o slab_automove_ratio', 1, 'Missing slab_automove_ratio argument' ],
    [ '-o slab_automove_ratio=1.5', 1, 'slab_automove_ratio must be > 0 and < 1' ],
    [ '-o slab_automove_ratio=0', 1, 'slab_automove_ratio must be > 0 and < 1' ],
    [ '-o slab_automove_freeratio=x', 1, 'could not parse argument to slab_automove_freeratio' ],
    [ '-o slab_automove_window', 1, 'Missing slab_automove_window argument' ],
    [ '-o slab_automove_window=2', 1, 'slab_automove_window must be > 2' ],
    [ '-o watcher_logbuf_size', 1, 'Missing watcher_logbuf_size argument' ],
    [ '-o watcher_logbuf_size=x', 1, 'could not parse argument to watcher_logbuf_size' ],
    [ '-o worker_logbuf_size', 1, 'Missing worker_logbuf_size argument' ],
    [ '-o worker_logbuf_size=x', 1, 'could not parse argument to worker_logbuf_size' ],
);
# Numbers that memcached reads as 0, or as what is left of them.
push @refused,
    [ '-p x',           64, 'ERROR: Invalid port number x' ],
    [ '-p -2',          64, 'ERROR: Invalid port number -2' ],
    [ '-U x',           64, 'ERROR: Invalid port number x' ],
    [ '-U -2',          64, 'ERROR: Invalid port number -2' ],
    [ '-U 70000',       64, 'ERROR: Invalid port number 70000' ],
    [ '-n 2000000',     64, '-n takes a number' ],
    [ '-m x',           64, '-m takes a number' ],
    [ '-b -1',          64, '-b takes a number' ],
    [ '-a 999',         64, '-a takes an octal mask' ],
    [ '-o idle_timeout=x', 1, 'could not parse argument to idle_timeout' ],
    [ '-o sock_cookie_id', 1, 'Missing sock_cookie_id argument' ],
    [ '-o sock_cookie_id=x', 1, 'could not parse argument to sock_cookie_id' ],
    [ '-o hashpower=x', 1,  'Initial hashtable multiplier of x is too low' ] if $is_ours;
# What is to come: refused by name, in one line.
my @later = $is_ours ? map({ ("-o $_", "-o $_=1") } qw(ext_path ext_page_size ext_wbuf_size ext_threads
    ext_io_depth ext_item_size ext_item_age ext_low_ttl ext_drop_unread ext_recache_rate
    ext_compact_under ext_drop_under ext_max_frag ext_max_sleep ssl_chain_cert
    ssl_key ssl_verify_mode ssl_keyformat ssl_ciphers ssl_ca_cert ssl_wbuf_size ssl_session_cache
    ssl_kernel_tls ssl_min_version proxy_config proxy_arg drop_privileges)) : ();
push @refused, map { [ $_, 64, /^(-o \w+)/ ? "$1: not built into this server (" : '' ] } @later;
push @refused, map { [ $_, 64, substr($_, 0, 2) . ': not built into this server (' ] }
    '-S', '-Z', '-e file' if $is_ours;

my $port = Wire::Server::free_port();
for my $row (@refused) {
    my ($line, $status, $message) = @$row;
    my ($suboption) = $line =~ /^-o (\w+)/;
    next if $suboption && !is_built($suboption) && $message !~ /not built/;
    next if $suboption && $suboption eq 'slab_chunk_max' && !$counts_kilobytes;
    my @port = $line =~ /^-p/ ? () : ('-p', $port);
    my $run = Wire::Server->spawn(@user, '-l', '127.0.0.1', @port, split / /, $line);
    my $ended = $run->wait_end;
    is($ended, $status << 8, "$line is refused with status $status") or $run->kill_now;
    is(substr($run->stderr, 0, length $message), $message, ' ... and memcached\'s words');
    is(() = $run->stderr =~ /\n/g, 1, ' ... in one line') if $is_ours;
}

# Every option that -h of memcached tells of is told of, or refused by name.
like($help, qr/^\s*-+ ?\Q$_\E:?\s/m, "-h tells of $_") for qw(maxconns_fast hashpower hash_algorithm
    idle_timeout slab_chunk_max track_sizes modern hot_lru_pct warm_lru_pct hot_max_factor
    warm_max_factor temporary_ttl read_buf_mem_limit tail_repair_time);
done_testing;
