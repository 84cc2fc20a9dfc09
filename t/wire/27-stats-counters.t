# What every kind of request counts in `stats`: the counters named grow by so much, all others not at
# all.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server('-m', 64);
my $c = $server->conn;

# What the background, the clock and the memory of buffers change by themselves.
my %restless = map { $_ => 1 } qw(
    pid uptime time version libevent rusage_user rusage_system hash_power_level hash_bytes
    connection_structures read_buf_count read_buf_bytes read_buf_bytes_free response_obj_count
    response_obj_bytes lru_maintainer_juggles lru_crawler_starts lru_crawler_running
    crawler_items_checked crawler_reclaimed moves_to_cold moves_to_warm moves_within_lru
    lrutail_reflocked slab_global_page_pool);

# By how much which counters grow with a request; what is received and sent is exact, too.
sub growth {
    my ($c, $request) = @_;
    my $told = $c->ask("stats\r\n");
    my $reply = $c->ask($request);
    my $told_then = $c->ask("stats\r\n");
    my %before = $told =~ /^STAT (\S+) (\S+)\r$/mg;
    my %after = $told_then =~ /^STAT (\S+) (\S+)\r$/mg;
    my %grows = map { $_ => $after{$_} - $before{$_} }
        grep { !$restless{$_} && $after{$_} ne $before{$_} } keys %after;
    # `mn` marks the end of the request and of the second stats, MN that of the first
    my $read = delete $grows{bytes_read};
    my $written = delete $grows{bytes_written};
    $grows{bytes_read} = $read unless $read == length($request) + length("mn\r\nstats\r\nmn\r\n");
    $grows{bytes_written} = $written unless $written == length($told) + length($reply) + 2 * 4;
    return \%grows;
}

sub counts {
    my ($request, %grows) = @_;
    $request = $request->() if ref $request;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = growth($c, $request);
    is_deeply($got, \%grows, 'what ' . show($request) . ' counts') or diag(explain $got);
}

growth($c, '');
my $large = 'x' x 2000000;
my @new = (bytes => 61, curr_items => 1, total_items => 1);
my @set_get = (cmd_set => 1, cmd_get => 1);
counts(@$_) for (
    [ "get m\r\n",                  cmd_get => 1, get_misses => 1 ],
    [ "set a 0 0 1\r\n1\r\n",       cmd_set => 1, @new ],
    [ "set a 0 0 1\r\n1\r\n",       cmd_set => 1, total_items => 1 ],
    [ "get a\r\n",                  cmd_get => 1, get_hits => 1 ],
    [ "get a a m\r\n",              cmd_get => 3, get_hits => 2, get_misses => 1 ],
    [ "gets a m\r\n",               cmd_get => 2, get_hits => 1, get_misses => 1 ],
    [ "set q 0 0 1 noreply\r\n1\r\n", cmd_set => 1, @new ],
    [ "add a 0 0 1\r\n1\r\n",       cmd_set => 1 ],
    [ "add b 0 0 1\r\n1\r\n",       cmd_set => 1, @new ],
    [ "replace a 0 0 1\r\n1\r\n",   cmd_set => 1, total_items => 1 ],
    [ "replace m 0 0 1\r\n1\r\n",   cmd_set => 1 ],
    [ "append a 0 0 1\r\n1\r\n",    cmd_set => 1, bytes => 1, total_items => 1 ],
    [ "append m 0 0 1\r\n1\r\n",    cmd_set => 1 ],
    [ "prepend a 0 0 1\r\n1\r\n",   cmd_set => 1, bytes => 1, total_items => 1 ],
    [ "cas m 0 0 1 1\r\n1\r\n",     cmd_set => 1, cas_misses => 1 ],
    [ "cas a 0 0 1 9999\r\n1\r\n",  cmd_set => 1, cas_badval => 1 ],
    [ sub { "cas a 0 0 1 @{[$c->cas_of('a')]}\r\n1\r\n" },
                                    cmd_set => 1, cas_hits => 1, bytes => -2, total_items => 1 ],
    [ "incr a 1\r\n",               incr_hits => 1 ],
    [ "incr m 1\r\n",               incr_misses => 1 ],
    [ "decr a 1\r\n",               decr_hits => 1 ],
    [ "decr m 1\r\n",               decr_misses => 1 ],
    [ "incr a x\r\n" ],
    [ "touch a 0\r\n",              cmd_touch => 1, touch_hits => 1 ],
    [ "touch m 0\r\n",              cmd_touch => 1, touch_misses => 1 ],
    [ "gat 0 a\r\n",                cmd_touch => 1, touch_hits => 1 ],
    [ "gat 0 m\r\n",                cmd_touch => 1, touch_misses => 1 ],
    [ "gats 0 a m\r\n",             cmd_touch => 2, touch_hits => 1, touch_misses => 1 ],
    [ "delete b\r\n",               delete_hits => 1, bytes => -61, curr_items => -1 ],
    [ "delete m\r\n",               delete_misses => 1 ],
    [ "delete m noreply\r\n",       delete_misses => 1 ],
    [ "set l 0 0 2000000\r\n$large\r\n", store_too_large => 1 ],
    [ "add l 0 0 2000000\r\n$large\r\n", store_too_large => 1 ],
    [ "ms l 2000000\r\n$large\r\n", store_too_large => 1 ],
    [ "set z 0 0 1\r\nxxx\r\n",     cmd_set => 1 ],
    [ "bogus\r\n" ], [ "get\r\n" ], [ "set\r\n" ], [ "version\r\n" ], [ "verbosity 0\r\n" ],

    # What is over is found once. In one go, before the background comes by.
    (map { [ "set e 0 -1 1\r\n1\r\n$_->[0]", total_items => 1, get_expired => 1,
             cmd_set => 1 + ($_->[0] =~ /^append/), @$_[ 1 .. $#$_ ] ] } (
        [ "get e\r\n",              cmd_get => 1, get_misses => 1 ],
        [ "get e e\r\n",            cmd_get => 2, get_misses => 2 ],
        [ "delete e\r\n",           delete_misses => 1 ],
        [ "incr e 1\r\n",           incr_misses => 1 ],
        [ "touch e 1\r\n",          cmd_touch => 1, touch_misses => 1 ],
        [ "gat 0 e\r\n",            cmd_touch => 1, touch_misses => 1 ],
        [ "append e 0 0 1\r\n1\r\nget e\r\n", cmd_get => 1, get_misses => 1 ],
        [ "mg e v\r\n",             cmd_get => 1, get_misses => 1 ])),
    [ "set e 0 -1 1\r\n1\r\nadd e 0 0 1\r\n1\r\n", cmd_set => 2, get_expired => 1, bytes => 61,
      curr_items => 1, total_items => 2 ],
    [ "set e 0 -1 1\r\n1\r\nset e 0 0 1\r\n1\r\n", cmd_set => 2, get_expired => 1,
      total_items => 2 ],

    [ "mg a v\r\n",                 cmd_get => 1, get_hits => 1 ],
    [ "mg a\r\n",                   cmd_get => 1, get_hits => 1 ],
    [ "mg m v\r\n",                 cmd_get => 1, get_misses => 1 ],
    [ "mg m q\r\n",                 cmd_get => 1, get_misses => 1 ],
    [ "mg a T0 v\r\n",              cmd_touch => 1, touch_hits => 1 ],
    [ "mg m T0 v\r\n",              cmd_get => 1, get_misses => 1 ],
    [ "mg a u v\r\n",               cmd_get => 1, get_hits => 1 ],
    [ "mg v N0 v\r\n",              cmd_get => 1, get_hits => 1, bytes => 60, curr_items => 1,
                                    total_items => 1 ],
    [ "mg v v\r\n",                 cmd_get => 1, get_hits => 1 ],
    [ "ms a 1\r\n1\r\n",            cmd_set => 1, total_items => 1 ],
    [ "ms a 1 ME\r\n1\r\n",         cmd_set => 1 ],
    [ "ms nn 1 MA\r\n1\r\n",        cmd_set => 1 ],
    [ "ms a 1 MA\r\n1\r\n",         cmd_set => 1, bytes => 1, total_items => 1 ],
    [ "ms a 1 MR\r\n1\r\n",         cmd_set => 1, bytes => -1, total_items => 1 ],
    [ "ms a 1 C9999\r\n1\r\n",      cmd_set => 1, cas_badval => 1 ],
    [ "ms mm 1 C1\r\n1\r\n",        cmd_set => 1, cas_misses => 1 ],
    $server->does('meta_append_vivify')
        ? [ "ms ap 1 MA N0\r\n1\r\n", cmd_set => 1, bytes => 62, curr_items => 1, total_items => 1 ]
        : (),
    [ "ma a\r\n",                   incr_hits => 1 ],
    [ "ma m\r\n",                   incr_misses => 1 ],
    [ "ma av N0 J5\r\n",            bytes => 62, curr_items => 1, total_items => 1 ],
    [ "ma a MD\r\n",                decr_hits => 1 ],
    [ "ma m MD\r\n",                decr_misses => 1 ],
    [ "ma a T0\r\n",                incr_hits => 1 ],
    [ "ma a C9999\r\n" ],
    [ "md av\r\n",                  delete_hits => 1, bytes => -62, curr_items => -1 ],
    [ "md m\r\n",                   delete_misses => 1 ],
    [ "md a C9999\r\n",             delete_misses => 1 ],
    [ "md a I T30\r\n" ],
    [ "mg a v\r\n",                 cmd_get => 1, get_hits => 1 ],
    [ "md a q\r\n",                 delete_hits => 1, bytes => -61, curr_items => -1 ],
    [ "me v\r\n",                   cmd_meta => 1 ],
    [ "me m\r\n",                   cmd_meta => 1 ],
    [ "mg v z9 bogus\r\n" ],
);

# What a flush has taken, if it was there a second before.
for my $request ("get f\r\n", "delete f\r\n", "mg f v\r\n", "incr f 1\r\n") {
    $c->set('f', '1');
    my $second = $c->stats->{time};
    poll_until { $c->stats->{time} > $second + 1 };
    my $grows = growth($c, "flush_all\r\n$request");
    is($grows->{$_}, 1, "after a flush: $_, " . show($request)) for qw(cmd_flush get_flushed);
}
counts("flush_all 100\r\nflush_all noreply\r\n", cmd_flush => 2);
$server->stop;

# Requests beyond -R wait for others' turn.
$server = server('-R', 5, '-t', 1);
$c = $server->conn;
cmp_ok(growth($c, "get a\r\n" x 100)->{conn_yields}, '>=', 100 / 5 - 2, 'conn_yields');
$server->stop;
done_testing;
