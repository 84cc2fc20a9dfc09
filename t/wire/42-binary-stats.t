# The binary protocol: stat, and what each command counts.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;

my $server = server();
my $c = $server->conn;
my $text = $server->conn;

# The rows of `stat` as a list of names and a hash; the end is a reply without a key.
sub rows_of {
    my ($key, $name) = @_;
    my ($replies, $rest) = replies_of(binary_like($c, ask(stat => $key), qr/^stat: .*; stat:\z/s, $name));
    return (\my @none, {}) unless @$replies && $rest eq '';
    pop @$replies;
    return ([ map { $_->{key} } @$replies ], { map { $_->{key} => $_->{value} } @$replies });
}

# The same rows as in text
binary_is($c, ask(set => 'a', STORE, '1'), 'set:');
for my $family ('', 'settings', 'items', 'slabs', 'sizes') {
    my ($names, $values) = rows_of($family, "stat $family");
    my @lines = map { /^STAT (\S+)/ ? $1 : () }
        split /\r\n/, $text->ask($family eq '' ? "stats\r\n" : "stats $family\r\n");
    is("@$names", "@lines", ' ... names the rows of stats ' . $family);
}
my (undef, $general) = rows_of('', 'stat');
is($general->{pid}, $server->pid, 'its pid');
is($general->{curr_items}, 1, 'its items');
is($general->{version}, $server->version, 'its version');
(undef, my $settings) = rows_of('settings', 'stat settings');
is($settings->{tcpport}, $server->port, 'its port');
is((rows_of('settings and more', 'stat settings...'))[1]{tcpport}, $server->port,
   'what follows settings is ignored');

# What is none of its families
for my $key ('none', 'conns', 'extstore', 'item', 'items ', "slabs\0", ' slabs', 'SLABS', 'detail',
             'cachedump 1 0', 'k' x 250) {
    binary_is($c, ask(stat => $key), 'stat: not found "Not found"', 'stat ' . show($key));
}
binary_like($c, ask(stat => 'items', '', '', opaque => 0x01020304),
            qr/^stat: opaque=1020304 k=items:1:number "1"; .*; stat: opaque=1020304\z/,
            'every row repeats the opaque value');

# [request, what grows by how much]
for my $row (
    [ ask(set => 'a', STORE, '1'),       cmd_set => 1, total_items => 1 ],
    [ ask(setq => 'a', STORE, '1'),      cmd_set => 1, total_items => 1 ],
    [ ask(add => 'a', STORE, '1'),       cmd_set => 1, total_items => 0 ],
    [ ask(append => 'a', '', '1'),       cmd_set => 1, total_items => 1 ],
    [ ask(append => 'm', '', '1'),       cmd_set => 1, total_items => 0 ],
    [ ask(set => 'a', STORE, '1', cas => 99999), cmd_set => 1, cas_badval => 1 ],
    [ ask(set => 'm', STORE, '1', cas => 99999), cmd_set => 1, cas_misses => 1 ],
    [ ask(add => 'm', STORE, '1', cas => 99999), cmd_set => 1, cas_misses => 1 ],
    [ ask(get => 'a'),                   cmd_get => 1, get_hits => 1, get_misses => 0 ],
    [ ask(getkq => 'a'),                 cmd_get => 1, get_hits => 1, get_misses => 0 ],
    [ ask(get => 'm'),                   cmd_get => 1, get_hits => 0, get_misses => 1 ],
    [ ask(getq => 'm'),                  cmd_get => 1, get_hits => 0, get_misses => 1 ],
    [ ask(incr => 'a', by(1)),           incr_hits => 1, incr_misses => 0 ],
    [ ask(decrq => 'a', by(1)),          decr_hits => 1, decr_misses => 0 ],
    [ ask(incr => 'm', by(1, 1, 0xffffffff)), incr_hits => 0, incr_misses => 1 ],
    [ ask(decr => 'm', by(1, 1, 0xffffffff)), decr_hits => 0, decr_misses => 1 ],
    [ ask(incr => 'i', by(1, 1)),        incr_misses => 0, curr_items => 1, cmd_set => 0 ],
    [ ask(touch => 'a', FOR_EVER),       cmd_touch => 1, touch_hits => 1, touch_misses => 0 ],
    [ ask(touch => 'm', FOR_EVER),       cmd_touch => 1, touch_hits => 0, touch_misses => 1 ],
    [ ask(gat => 'a', FOR_EVER),         cmd_touch => 1, touch_hits => 1, cmd_get => 0 ],
    [ ask(gatq => 'm', FOR_EVER),        cmd_touch => 1, touch_misses => 1, cmd_get => 0 ],
    [ ask(delete => 'a', '', '', cas => 9999), delete_hits => 0, delete_misses => 0 ],
    [ ask(delete => 'a'),                delete_hits => 1, delete_misses => 0 ],
    [ ask(deleteq => 'a'),               delete_hits => 0, delete_misses => 1 ],
    [ ask('flush'),                      cmd_flush => 1 ],
    [ ask('flushq'),                     cmd_flush => 1 ],
    [ ask('noop') . ask('version'),      cmd_get => 0, cmd_set => 0, cmd_touch => 0 ],
) {
    my ($request, %grows) = @$row;
    my $before = $text->stats;
    $c->put($request . ask('noop', '', '', '', opaque => 0x7e57));
    $c->take_past(pack 'CCx2x2x2NNx8', 0x81, 0x0a, 0, 0x7e57);
    my $after = $text->stats;
    my %grew = map { $_ => $after->{$_} - $before->{$_} } keys %grows;
    is_deeply(\%grew, \%grows, 'what ' . show($request) . ' counts') or diag(explain \%grew);
}
binary_is($c, ask(set => 'a', STORE, '1'), 'set:');
my $hits = $text->stats->{cas_hits};
binary_is($c, ask(set => 'a', STORE, '2', cas => cas_of_binary($c, 'a')), 'set:');
stat_is($text, 'cas_hits', $hits + 1);

binary_is($c, ask(stat => 'reset'), 'stat:', 'stat reset');
stat_is($text, 'cmd_set', 0, ' ... resets');
binary_is($c, ask(stat => 'resetting'), 'stat:');

# What watchers see
my $watcher = $server->conn;
is($watcher->command('watch fetchers mutations'), "OK\r\n");
poll_ok { $text->stats->{log_watchers} == 1 } 'somebody watches';
my @requests = (ask(set => 'w', STORE, 'v'), ask(getq => 'w'), ask(add => 'w', STORE, 'v'),
                ask(gat => 'w', FOR_EVER));
push @requests, ask(set => 'w', STORE, 'x' x 1_048_576) if $server->does('binary_refusal_watched');
binary_like($c, join('', @requests), qr/^set:/);
my @wanted = (qr/type=item_get key=w status=not_found/, qr/type=item_store key=w status=stored cmd=set/,
              qr/type=item_get key=w status=found/, qr/type=item_get key=w status=found/,
              qr/type=item_store key=w status=not_stored cmd=add/,
              qr/type=item_get key=w status=found/);
push @wanted, qr/type=item_store key=w status=too_large cmd=set/ if @requests > 4;
like($watcher->line, $_, "a watcher sees $_") for @wanted;

$server->stop;
done_testing;
