# watch: which lines which commands make, who is let in, and what the counters say.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Socket qw(SOL_SOCKET SO_LINGER);
use Test::More;
use Wire;

my $server = server('-o', 'idle_timeout=0');
my $c = $server->conn;
my $sees_deletions = $server->does('watch_deletions');
my $hides_flushed = $server->does('watch_flushed_as_not_found');

# A new watcher. Memcached's logger may take a second to say OK.
sub watcher {
    my ($server, @streams) = @_;
    my $w = $server->conn;
    is($w->command(join ' ', 'watch', @streams), "OK\r\n", "watch @streams");
    return $w;
}

# What differs from run to run, taken out of a line.
sub plain {
    my ($line) = @_;
    $line =~ s/^ts=\d+\.\d{1,6} gid=\d+ // or return "no time and number: $line";
    $line =~ s/cfd=-?\d+/cfd=N/;
    $line =~ s/rport=[1-9]\d*/rport=N/;
    # elsewhere it depends on who has found the item first, and nobody can rely on it
    $line =~ s/status=flushed/status=not_found/ unless $hides_flushed;
    $line =~ s/\n\z//;
    return $line;
}

# All lines up to the one that names this key.
sub lines_until {
    my ($w, $key) = @_;
    my @lines;
    while (1) {
        my $line = $w->line;
        return @lines if $line =~ / key=$key / || $line !~ /\n\z/;
        push @lines, plain($line);
    }
}

# A table of [request, lines...]: behind each request a get marks the end of its lines.
sub requests_make {
    my ($c, $w, @rows) = @_;
    for my $i (0 .. $#rows) {
        $c->ask($rows[$i][0]);
        $c->ask("get end-of-$i\r\n");
    }
    for my $i (0 .. $#rows) {
        my ($request, @expected) = @{ $rows[$i] };
        @expected = grep { !/type=deleted/ } @expected unless $sees_deletions;
        is_deeply([ lines_until($w, "end-of-$i") ], \@expected, 'what ' . show($request) . ' makes');
    }
}

sub got { my ($key, $class, $size) = @_;
          return "type=item_get key=$key status=" . ($class ? 'found' : 'not_found')
              . ' clsid=' . ($class // 0) . ' cfd=N size=' . ($size // 0) }
sub put { my ($key, $status, $command, $class, $size, $ttl) = @_;
          return "type=item_store key=$key status=$status cmd=$command ttl=" . ($ttl // 0)
              . " clsid=$class cfd=N size=$size" }
sub gone { my ($key, $command, $class, $size) = @_;
           return "type=deleted key=$key cmd=$command clsid=$class size=$size" }

my $w = watcher($server, qw(fetchers mutations), $sees_deletions ? 'deletions' : ());
my $large = 'x' x 600000;
requests_make($c, $w,
    [ "get a\r\n",                   got('a') ],
    [ "set a 0 0 1\r\n1\r\n",        got('a'), put('a', 'stored', 'set', 1, 1) ],
    [ "set a 5 100 3\r\nabc\r\n",    got('a', 1, 1), put('a', 'stored', 'set', 1, 3, 100) ],
    [ "set a 0 0 2 noreply\r\n12\r\n", got('a', 1, 3), put('a', 'stored', 'set', 1, 2) ],
    [ "get a\r\n",                   got('a', 1, 2) ],
    [ "gets a b\r\n",                got('a', 1, 2), got('b') ],
    [ "get a a b a\r\n",             got('a', 1, 2), got('a', 1, 2), got('b'), got('a', 1, 2) ],
    [ "add a 0 0 1\r\n1\r\n",        got('a', 1, 2), put('a', 'not_stored', 'add', 1, 1) ],
    [ "add b 0 0 1\r\n1\r\n",        got('b'), put('b', 'stored', 'add', 1, 1) ],
    [ "replace a 0 0 1\r\n1\r\n",    got('a', 1, 2), put('a', 'stored', 'replace', 1, 1) ],
    [ "replace m 0 0 1\r\n1\r\n",    got('m'), put('m', 'not_stored', 'replace', 1, 1) ],
    [ "append a 0 0 2\r\n23\r\n",    got('a', 1, 1), put('a', 'stored', 'append', 1, 3) ],
    [ "prepend a 0 0 2\r\n45\r\n",   got('a', 1, 3), put('a', 'stored', 'prepend', 1, 5) ],
    [ "append m 0 0 1\r\n1\r\n",     got('m'), put('m', 'not_stored', 'append', 1, 1) ],
    [ "cas a 0 0 1 99999\r\n1\r\n",  got('a', 1, 5), put('a', 'exists', 'cas', 1, 1) ],
    [ "cas m 0 0 1 1\r\n1\r\n",      got('m'), put('m', 'not_found', 'cas', 1, 1) ],
    [ "incr a 1\r\n",                got('a', 1, 5) ],
    [ "decr a 1\r\n",                got('a', 1, 5) ],
    [ "incr m 1\r\n",                got('m') ],
    [ "set n 0 0 2\r\n99\r\n",       got('n'), put('n', 'stored', 'set', 1, 2) ],
    [ "incr n 1\r\n",                got('n', 1, 2) ],
    [ "touch a 0\r\n",               got('a', 1, 5) ],
    [ "touch m 0\r\n",               got('m') ],
    [ "gat 0 a\r\n",                 got('a', 1, 5) ],
    [ "gat 0 m\r\n",                 got('m') ],
    [ "delete b\r\n",                got('b', 1, 1), gone('b', 'delete', 1, 1) ],
    [ "delete m\r\n",                got('m') ],
    [ "mg a v\r\n",                  got('a', 1, 5) ],
    [ "mg a\r\n",                    got('a', 1, 5) ],
    [ "mg m v\r\n",                  got('m') ],
    [ "mg a T0 v\r\n",               got('a', 1, 5) ],
    [ "me a\r\n",                    got('a', 1, 5) ],
    [ "ms a 1\r\n1\r\n",             got('a', 1, 5), put('a', 'stored', 'set', 1, 1) ],
    [ "ms a 1 MA\r\n1\r\n",          got('a', 1, 1), put('a', 'stored', 'append', 1, 2) ],
    [ "ms q 1 ME T30\r\n1\r\n",      got('q'), put('q', 'stored', 'add', 1, 1, 30) ],
    [ "ms q 1 ME\r\n1\r\n",          got('q', 1, 1), put('q', 'not_stored', 'add', 1, 1) ],
    [ "ms q 1 C99999\r\n1\r\n",      got('q', 1, 1), put('q', 'exists', 'cas', 1, 1) ],
    [ "ma a\r\n",                    got('a', 1, 2) ],
    [ "ma v N0 J13\r\n",             got('v'), got('v'), put('v', 'stored', 'add', 1, 2) ],
    [ "md q\r\n",                    got('q', 1, 1), gone('q', 'md', 1, 1) ],
    [ "md q\r\n",                    got('q') ],
    [ "md a C99999\r\n",             got('a', 1, 2) ],
    [ "get n,foo a%b a~b a-_.z\r\n", got('n%2Cfoo'), got('a%25b'), got('a~b'), got('a-_.z') ],
    [ "get \x80\xff\x01/\r\n",       got('%80%FF%01%2F') ],
    [ "ms aGVsbG8= 1 b\r\n1\r\n",    got('hello'), put('hello', 'stored', 'set', 1, 1) ],
    [ "mg aGVsbG8= b v\r\n",         got('hello', 1, 1) ],
    [ "set bad 0 0 1\r\nxxx\r\n" ],
    [ "flush_all\r\n" ],
    [ "get a\r\n",                   got('a') ],
    [ "set l 0 0 600000\r\n$large\r\n", got('l'), put('l', 'stored', 'set', 39, 600000) ],
    [ "get l\r\n",                   got('l', 39, 600000) ],
    [ "append l 0 0 1\r\nx\r\n",     got('l', 39, 600000), put('l', 'stored', 'append', 39, 600001) ],
);

# A value that is refused: here the fields behind ttl are put right, which 1.6.38 mixes up.
$c->ask('set l 0 0 2000000' . "\r\n" . 'x' x 2000000 . "\r\n");
$c->ask("get end-of-large\r\n");
my @refused = lines_until($w, 'end-of-large');
is(scalar @refused, 2, 'a value too large makes two lines');
like($refused[0], qr/^type=item_store key=l status=too_large cmd=set ttl=0 clsid=\d+ cfd=N size=\d+\z/);
is($refused[1], got('l', 39, 600001), ' ... and what the key held is looked for, to drop it');

# Append that may begin an absent item is told of as one append; a value dropped as a set, which
# looks first.
requests_make($c, $w,
    [ "ms ap 1 MA N0\r\n1\r\n",   got('ap'), put('ap', 'stored', 'append', 1, 1) ],
    [ "ms pp 1 MP N30\r\n1\r\n",  got('pp'), put('pp', 'stored', 'prepend', 1, 1, 30) ],
    [ "ms ap 1 MA N0\r\n2\r\n",   got('ap', 1, 1), put('ap', 'stored', 'append', 1, 2) ],
) if $server->does('meta_append_vivify');
requests_make($c, $w,
    [ "md ap x\r\n", got('ap', 1, 2), got('ap', 1, 2), put('ap', 'stored', 'set', 1, 0),
      gone('ap', 'md', 1, 0) ],
) if $server->does('meta_delete_value');

# An exptime that is over gives a negative ttl, printed as if it were not.
$c->ask("set e 0 -1 1\r\n1\r\n");
$c->ask("get end-of-expired\r\n");
like((lines_until($w, 'end-of-expired'))[1],
     qr/^type=item_store key=e status=stored cmd=set ttl=42949\d{5} clsid=1 cfd=N size=1\z/);

# What is come across when its time is over has expired. Without the threads that would find it first.
{
    my $server = server('-o', 'no_lru_maintainer,no_lru_crawler');
    my $c = $server->conn;
    my $w = watcher($server, 'fetchers');
    (my $expired = got('e')) =~ s/not_found/expired/;
    my @rows = map { [ "gat -1 e\r\n$_", got('e', 1, 1), $expired ] } (
        "get e\r\n", "mg e v\r\n", "touch e 0\r\n", "incr e 1\r\n", "delete e\r\n",
        "md e\r\n");
    requests_make($c, $w,
        map { ([ "delete e\r\nset e 0 0 1\r\n1\r\n", got('e'), got('e') ], $_,
               [ "delete e\r\n", got('e') ]) } @rows);
    $server->stop;
}

# The numbers of the lines count up.
my @gids;
$c->ask("get g$_\r\n") for 1 .. 20;
for (1 .. 20) { push @gids, $w->line =~ /^ts=\d+\.\d+ gid=(\d+) / ? $1 : () }
is(scalar @gids, 20, 'every line has a number');
is_deeply(\@gids, [ sort { $a <=> $b } @gids ], ' ... that grows');

# Nothing that a watcher says is answered, and nothing of before is shown.
my $fresh = watcher($server, 'fetchers');
$fresh->put("get x\r\nversion\r\nset x 0 0 1\r\n1\r\nwatch mutations\r\n");
$c->ask("set y 0 0 1\r\n1\r\nget last\r\n");
is_deeply([ lines_until($fresh, 'last') ], [ got('y') ], 'a watcher is not listened to any more');
my $bare = watcher($server);
$c->ask("set y 0 0 1\r\n1\r\nget last\r\n");
is_deeply([ lines_until($bare, 'last') ], [ got('y', 1, 1) ], 'watch alone is watch fetchers');

# Words that are none; the connection stays a client's.
my $d = $server->conn;
replies_are($d,
    [ "watch bogus\r\n",            "ERROR\r\n" ],
    [ "watch fetchers bogus\r\n",   "ERROR\r\n" ],
    [ "watch Fetchers\r\n",         "ERROR\r\n" ],
    [ "watch fetchers noreply\r\n", '', 'with noreply nothing is said and nothing shown' ],
    [ "get a\r\n",                  "END\r\n" ],
    [ "watch noreply\r\n",          '' ],
    [ "get a\r\n",                  "END\r\n" ],
);

# Counters, and how the connection is listed.
my $stats = $c->stats;
is($stats->{log_watchers}, 3, 'log_watchers');
cmp_ok($stats->{log_worker_written}, '>', 100, 'log_worker_written');
cmp_ok($stats->{log_watcher_sent}, '>=', $stats->{log_worker_written}, 'log_watcher_sent');
is($stats->{log_worker_dropped}, 0, 'log_worker_dropped');
is($stats->{log_watcher_skipped}, 0, 'log_watcher_skipped');
my $conns = $c->stats('conns');
is(scalar(grep { $_ eq 'conn_watch' } values %$conns), 3, 'stats conns: conn_watch');
# what was under way counts after the reset
poll_ok {
    $c->ask("stats reset\r\n");
    my $stats = $c->stats;
    !grep { $stats->{$_} } qw(log_worker_written log_watcher_sent)
} 'stats reset: log_worker_written and log_watcher_sent';
is($c->stats->{log_watchers}, 3, 'stats reset: log_watchers stay');

# Watchers that leave are noticed, at the latest when something is to be shown.
$_->close for $w, $fresh;
poll_ok { $c->ask("get z\r\n"); $c->stats->{log_watchers} == 1 } 'watchers that leave are noticed';
$bare->close;
poll_ok { $c->ask("get z\r\n"); $c->stats->{log_watchers} == 0 } ' ... up to the last';
my $written = $c->stats->{log_worker_written};
$c->ask("get z\r\n") for 1 .. 100;
cmp_ok($c->stats->{log_worker_written}, '<', $written + 50,
       'then nothing is logged any more but what was under way');

# 20 watchers at most. Each word is known.
my @words = qw(fetchers mutations evictions connevents sysevents rawcmds proxyevents proxyreqs
               proxyuser);
my @watchers = map { watcher($server, $words[ $_ % @words ]) } 0 .. 19;
reply_is($c, "watch fetchers\r\n", "WATCHER_TOO_MANY log watcher limit reached\r\n",
         'one more watcher is too many');
reply_is($c, "get a\r\n", "END\r\n", ' ... and stays a client');
$server->stop;
is($_->take_all // 'open', '', 'the end of the server ends watching') for $watchers[4];

# -W
$server = server('-W');
$c = $server->conn;
replies_are($c,
    [ "watch\r\n",          "CLIENT_ERROR watch commands not allowed\r\n", '-W' ],
    [ "watch fetchers\r\n", "CLIENT_ERROR watch commands not allowed\r\n" ],
    [ "watch bogus\r\n",    "CLIENT_ERROR watch commands not allowed\r\n" ],
);
$server->stop;

# Connections come and go. One worker, so that the lines stand in order.
my $path = Wire::Server::dir() . '/watch.sock';
for my $at ('127.0.0.1', $path) {
    my $is_unix = $at eq $path;
    my $who = $is_unix ? 'rip=unix rport=0 transport=local' : 'rip=127.0.0.1 rport=N transport=tcp';
    $server = server('-t', 1, $is_unix ? ('-s', $path) : (), '-o', 'idle_timeout=1');
    $w = watcher($server, 'connevents');
    reply_closes($server->conn, "quit\r\n", '');
    my $leaving = $server->conn;
    $leaving->ask("get a\r\n");
    $c = $server->conn;
    my $open = $c->stats->{curr_connections};
    $leaving->close;
    poll_ok { $c->stats->{curr_connections} < $open } 'one leaves without a word';
    reply_closes($c, "quit\r\n", '');
    reply_closes($server->conn, "GET / HTTP/1.1\r\n", '', 'a browser');
    my $new = "type=conn_new $who cfd=N";
    my ($normal, $error, $idled) =
        map { "type=conn_close $who reason=$_ cfd=N" } qw(normal error idle_timeout);
    my @expected = ($new, $normal, $new, $new, $normal, $normal, $new, $error);
    # clients of a unix socket may be idle for ever
    if (!$is_unix) {
        my $idle = $server->conn;
        $idle->ask("get a\r\n");
        ok($idle->closed(20), 'an idle client is closed, the idle watcher is not');
        push @expected, $new, $idled;
    }
    my @lines;
    do { push @lines, plain($w->line) } until $lines[-1] =~ /^\Q$expected[-1]\E|no time/;
    shift @lines while @lines > @expected;    # of the one that tried whether the server accepts
    is_deeply(\@lines, \@expected, "connections of $at");
    $server->stop;
}

# Evictions
$server = server('-m', 8, '-t', 1);
$c = $server->conn;
$w = watcher($server, 'evictions');
my $value = 'x' x 100000;
for my $i (0 .. 119) { $c->set("k$i", $value, 0, $i % 2 ? 1000 : 0) }
my $evicted = $c->stats->{evictions};
cmp_ok($evicted, '>', 20, 'there are evictions');
my @evictions = map { plain($w->line) } 1 .. $evicted;
is_deeply([ grep { !/^type=eviction key=k(\d+) fetch=no ttl=(-1|9\d\d|1000) la=\d+ clsid=32 size=100000\z/
                       || ($1 % 2 ? $2 < 0 : $2 > 0) } @evictions ], [],
          'each makes a line, with the time the item had left');
$server->stop;
done_testing;
