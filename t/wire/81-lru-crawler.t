# The LRU crawler: its switches, crawls that free what has expired, metadump, mgdump, cachedump.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my ($ok, $error) = ("OK\r\n", "ERROR\r\n");
my $bad_format = "CLIENT_ERROR bad command line format\r\n";
my $bad_class = "BADCLASS invalid class id\r\n";
my $disabled = "CLIENT_ERROR lru crawler disabled\r\n";
my $busy = "BUSY currently processing crawler request\r\n";

# What a dump says up to its end mark; on a connection of its own, since an older server does not
# read on behind one.
sub dump_of {
    my ($server, $what) = @_;
    my $c = $server->conn;
    $c->put("lru_crawler $what\r\n");
    my $end = $what =~ /^mgdump/ ? "EN\r\n" : "END\r\n";
    my $text = $c->take_past($end);
    $c->close;
    return $text;
}

# A dump begun while the crawler is still at something else is told so: it comes back.
sub dump_when_idle {
    my ($server, $what) = @_;
    my $text;
    poll_until {
        my $c = $server->conn;
        $c->put("lru_crawler $what\r\n");
        my $first = $c->line;
        $text = $first;
        my $end = $what =~ /^mgdump/ ? "EN\r\n" : "END\r\n";
        $text .= $c->take_past($end) unless $first eq $end || $first eq $busy;
        $c->close;
        $first ne $busy;
    };
    return $text;
}

sub idle { my ($c) = @_; poll_until { !$c->stats->{lru_crawler_running} } }

sub crawl_ok {
    my ($c, $classes) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $reply;
    poll_until { ($reply = $c->ask("lru_crawler crawl $classes\r\n")) ne $busy };
    is($reply, $ok, "lru_crawler crawl $classes");
    idle($c);
}

# ---- replies ----

my $server = server();
my $c = $server->conn;
idle($c);
replies_are($c,
    [ "lru_crawler\r\n", $error ],
    [ "lru_crawler enable\r\n", "ERROR failed to start lru crawler thread\r\n", 'it is enabled' ],
    [ "lru_crawler enable x\r\n", $error ],
    [ "lru_crawler foo\r\n", $error ],
    [ "lru_crawler foo bar\r\n", $error ],
    [ "lru_crawler sleep\r\n", $error ],
    [ "lru_crawler sleep 5 6\r\n", $error ],
    [ "lru_crawler sleep x\r\n", $bad_format ],
    [ "lru_crawler sleep -1\r\n", $bad_format ],
    [ "lru_crawler sleep 1000001\r\n", "CLIENT_ERROR sleep must be one second or less\r\n" ],
    [ "lru_crawler sleep 1000000\r\n", $ok ],
    [ "lru_crawler sleep 0\r\n", $ok ],
    [ "lru_crawler sleep 5 noreply\r\n", $error, 'noreply is no part of it' ],
    [ "lru_crawler tocrawl\r\n", $error ],
    [ "lru_crawler tocrawl x\r\n", $bad_format ],
    [ "lru_crawler tocrawl -1\r\n", $bad_format ],
    [ "lru_crawler tocrawl 4294967295\r\n", $ok ],
    [ "lru_crawler tocrawl 17\r\n", $ok ],
    [ "lru_crawler crawl\r\n", $error ],
    [ "lru_crawler crawl all x\r\n", $error ],
    [ "lru_crawler crawl 1 2\r\n", $error ],
    map({ [ "lru_crawler crawl $_\r\n", $bad_class ] }
        '0', '64', 'x', '-1', '1,x', '1,99', '256', '4294967296'),
    [ "lru_crawler metadump\r\n", $error ],
    [ "lru_crawler metadump all x\r\n", $error ],
    map({ [ "lru_crawler metadump $_\r\n", $bad_class ] } qw(0 64 x)),
);
my $settings = $c->stats('settings');
is_deeply([ @{$settings}{qw(lru_crawler lru_crawler_sleep lru_crawler_tocrawl)} ], [ 'yes', 0, 17 ],
          'stats settings');
$c->ask("lru_crawler tocrawl 0\r\nlru_crawler sleep 100\r\n");
crawl_ok($c, $_) for 'all', '1', '63', '1,2,3', '1,,2';
reply_is($c, "lru_crawler crawl hash\r\n", "ERROR an unknown error happened\r\n");
reply_is($c, "lru_crawler crawl ,\r\n", "NOTSTARTED no items to crawl\r\n");
$server->stop;

$server = server();
$c = $server->conn;
idle($c);
my $started = $c->stats->{lru_crawler_starts};
crawl_ok($c, '1,2');
# one that begins by itself counts, too
cmp_ok($c->stats->{lru_crawler_starts}, '>', $started, 'stats count a crawl');
reply_is($c, "lru_crawler disable\r\n", $ok);
poll_ok { $c->stats('settings')->{lru_crawler} eq 'no' } 'stats settings say so';
is($c->stats->{lru_crawler_starts}, undef, 'a crawler that is disabled has no figures');
is($c->stats->{lru_crawler_running}, undef);
replies_are($c,
    [ "lru_crawler disable\r\n", $ok ],
    [ "lru_crawler crawl all\r\n", $disabled ],
    [ "lru_crawler crawl x\r\n", $disabled ],
    [ "lru_crawler metadump all\r\n", $disabled ],
    [ "lru_crawler metadump hash\r\n", $disabled ],
    [ "lru_crawler enable\r\n", $ok ],
);
is($c->stats->{lru_crawler_running}, 0);
crawl_ok($c, 'all');
$server->stop;

# ---- what a crawl does ----

$server = server('-o', 'no_lru_maintainer');
$c = $server->conn;
my $large = 'x' x 3000;
$c->put(join '', map { "set s$_ 0 1 1 noreply\r\n1\r\nset l$_ 0 1 3000 noreply\r\n$large\r\n"
                       . "set k$_ 0 0 1 noreply\r\n1\r\n" } 1 .. 20);
$c->get('s1');
poll_ok { !defined $c->get('l1') } 'items expire', 6;
my $small = 1;
is($c->stats->{curr_items}, 59, ' ... unnoticed but for the one that was asked for');
# (a memcached finds them dead a second later than a get does)
poll_ok { $c->ask("lru_crawler crawl $small\r\n"); idle($c); $c->stats->{curr_items} == 39 }
    'a crawl frees the expired of its class';
my $figures = $c->stats;
is($figures->{crawler_reclaimed}, 20, ' ... and counts them');
is($figures->{expired_unfetched}, 19, ' ... those never read apart');
is($figures->{reclaimed}, 0);
cmp_ok($figures->{crawler_items_checked}, '>=', 40, ' ... as well as those it looked at');
is($c->stats('items')->{"items:$small:crawler_reclaimed"}, 20);
crawl_ok($c, 'all');
is($c->stats->{curr_items}, 20, 'a crawl of all classes frees the rest');
is($c->stats->{crawler_reclaimed}, 39);
my $checked = $c->stats->{crawler_items_checked};
$c->ask("lru_crawler tocrawl 5\r\n");
crawl_ok($c, 'all');
is($c->stats->{crawler_items_checked}, $checked + 5, 'tocrawl bounds it');
$server->stop;

# ---- dumps ----

# The lines of a metadump as hashes.
sub parse_meta {
    my ($text) = @_;
    return map { +{ map { split /=/, $_, 2 } split / / } } grep { /^key=/ } split /\n/, $text;
}

$server = server();
$c = $server->conn;
is(dump_when_idle($server, "metadump $_"), "END\r\n", "metadump $_ of nothing")
    for qw(all hash 1 63);
my $now = time;
$c->ask("set a 5 0 3\r\nabc\r\n");
$c->ask("set foo%bar! 0 100 3\r\nabc\r\n");
$c->ask("set sp:;=&+\"~_-.ABC 0 0 3000\r\n$large\r\n");
$c->ask("ms Zm9v+/8= 3 b\r\nabc\r\n");
$c->ask("set z 0 0 2\r\nzz\r\n");
$c->ask("set gone 0 -1 1\r\n1\r\n");
$c->ask("get a\r\n");
my %want = ('a' => 67, 'foo%25bar%21' => 70, 'sp%3A%3B%3D%26%2B%22~_-.ABC' => 3074, 'foo%FB%FF' => 67,
            'z' => 62);
for my $how ('all', 'hash') {
    # a memcached may leave out of a dump what others use at that moment
    my $text;
    poll_until { ($text = dump_when_idle($server, "metadump $how")) =~ tr/\n// == 1 + keys %want };
    my $line = qr/key=\S+ exp=-?\d+ la=\d+ cas=\d+ fetch=(?:yes|no) cls=\d+ size=\d+(?: flags=\d+)?\n/;
    like($text, qr/^(?:$line)+END\r\n\z/, "metadump $how: the form");
    my %got = map { $_->{key} => $_ } parse_meta($text);
    is_deeply({ map { $_ => $got{$_}{size} } keys %got }, \%want, ' ... keys and sizes');
    is($got{a}{fetch}, 'yes', ' ... whether it was read');
    is($got{'foo%25bar%21'}{fetch}, 'no');
    is($got{a}{exp}, -1, ' ... when it expires');
    ok(abs($got{'foo%25bar%21'}{exp} - $now - 100) <= 3);
    ok(abs($got{a}{la} - $now) <= 3, ' ... when it was used');
    is($got{a}{cas}, $c->cas_of('a'), ' ... the CAS value');
    is($got{a}{flags}, 5, ' ... the client flags') if $server->does('metadump_flags');
    is($got{a}{cls}, 1);
}
my ($other) = map { $_->{cls} } grep { $_->{size} == 3074 } parse_meta(dump_when_idle($server, 'metadump all'));
is(join(' ', map { $_->{key} } parse_meta(dump_when_idle($server, "metadump $other"))),
   'sp%3A%3B%3D%26%2B%22~_-.ABC', 'metadump of one class');
is(scalar parse_meta(dump_when_idle($server, "metadump 1,$other")), 5, ' ... of two');
is(dump_when_idle($server, 'metadump 63'), "END\r\n", ' ... of one without items');
SKIP: {
    skip 'mgdump came later', 3 unless $server->does('mgdump');
    for my $how ('all', 'hash') {
        my $text = dump_when_idle($server, "mgdump $how");
        my $other_key = "foo\xfb\xff";
        $text =~ s/^mg Zm9v\+\/8= b\r$/mg $other_key\r/m;    # either names the item
        is(join('', sort $text =~ /^mg .*\n/mg), join('', sort map { "mg $_\r\n" }
           'a', 'foo%bar!', 'z', 'sp:;=&+"~_-.ABC', $other_key), "mgdump $how");
    }
    like(dump_when_idle($server, 'mgdump 63'), qr/^EN\r\n\z/);
}

# cachedump tells of the cold LRU, the newest first.
poll_ok { my $items = $c->stats('items'); $items->{'items:1:number_cold'} >= 3 } 'items become cold';
my $cold = $c->ask("stats cachedump 1 0\r\n");
like($cold, qr/^(?:ITEM \S+ \[\d+ b; \d+ s\]\r\n){2,}END\r\n\z/, 'the form of stats cachedump');
like($cold, qr/^ITEM z \[2 b; 0 s\]\r\n/m);
like($cold, qr/ITEM z .*ITEM foo%bar! \[3 b; (\d+) s\]/s, ' ... the newest first');
ok(abs(($cold =~ /foo%bar! \[3 b; (\d+)/)[0] - $now - 100) <= 3, ' ... with the time of expiry');
is(scalar(() = $c->ask("stats cachedump 1 1\r\n") =~ /^ITEM/mg), 1, ' ... as many as asked for');
replies_are($c,
    [ "stats cachedump 0 0\r\n", "END\r\n" ],
    [ "stats cachedump 2 0\r\n", "END\r\n" ],
    [ "stats cachedump 63 0\r\n", "END\r\n" ],
    [ "stats cachedump 64 0\r\n", "CLIENT_ERROR Illegal slab id\r\n" ],
    [ "stats cachedump\r\n", "CLIENT_ERROR bad command line\r\n" ],
    [ "stats cachedump 1\r\n", "CLIENT_ERROR bad command line\r\n" ],
    [ "stats cachedump x 1\r\n", $bad_format ],
    [ "stats cachedump 1 x\r\n", $bad_format ],
    [ "stats cachedump 1 -1\r\n", $bad_format ],
);
$server->stop;

# -X
$server = server('-X');
$c = $server->conn;
idle($c);
replies_are($c,
    [ "lru_crawler metadump all\r\n", "ERROR metadump not allowed\r\n", '-X' ],
    [ "lru_crawler metadump x\r\n", "ERROR metadump not allowed\r\n" ],
    [ "lru_crawler metadump\r\n", $error ],
    $server->does('mgdump') ? [ "lru_crawler mgdump all\r\n", "ERROR key dump not allowed\r\n" ] : (),
    [ "stats cachedump 1 0\r\n", "CLIENT_ERROR stats cachedump not allowed\r\n" ],
);
crawl_ok($c, 'all');
$server->stop;

# From the start
$server = server('-o', 'no_lru_crawler,lru_crawler_sleep=5,lru_crawler_tocrawl=9');
$c = $server->conn;
$settings = $c->stats('settings');
is_deeply([ @{$settings}{qw(lru_crawler lru_crawler_sleep lru_crawler_tocrawl)} ], [ 'no', 5, 9 ],
          'options set them');
reply_is($c, "lru_crawler crawl all\r\n", $disabled);
$server->stop;

# ---- many items ----

$server = server('-m', 128);
$c = $server->conn;
my $count = 100_000;
for my $from (map { $_ * 10_000 } 0 .. $count / 10_000 - 1) {
    $c->put(join '', map { "set key-$_ 0 0 1 noreply\r\n1\r\n" } $from .. $from + 9_999);
}
is($c->stats->{curr_items}, $count);
$c->ask("lru_crawler sleep 0\r\n");
idle($c);
my %seen;
$seen{$_}++ for dump_when_idle($server, 'metadump hash') =~ /^key=(\S+)/mg;
is(scalar keys %seen, $count, "metadump hash shows $count items");
is(scalar(grep { $_ != 1 } values %seen), 0, ' ... each once');
%seen = map { $_ => 1 } dump_when_idle($server, 'metadump all') =~ /^key=(\S+)/mg;
is(scalar keys %seen, $count, 'metadump all, too, when nothing moves');

# A client that does not read: the dump waits, one at a time, and nobody else waits for it.
SKIP: {
    skip 'a memcached is held up by a client that does not read its dump', 12
        unless Wire::Server::is_replicating();
    my $slow = $server->conn(undef, receive_bytes => 4096);
    $slow->put("lru_crawler metadump hash\r\n");
    poll_ok { $c->stats->{lru_crawler_running} } 'a dump is under way';
    my $first = $slow->take(100);
    for my $command ('metadump all', 'metadump hash', 'mgdump all', 'crawl all', 'crawl 1', 'crawl hash',
                     'crawl ,') {
        reply_is($c, "lru_crawler $command\r\n", $busy, "lru_crawler $command meanwhile");
    }
    reply_is($c, "lru_crawler crawl x\r\n", $bad_class);
    set_ok($c, 'meanwhile', '1');
    my $text = $first . $slow->take_past("END\r\n", 60);
    is(scalar(() = $text =~ /^key=key-\d+ /mg), $count, ' ... and it is whole when it is read');
    reply_is($slow, "get meanwhile\r\n", "VALUE meanwhile 0 1\r\n1\r\nEND\r\n",
             ' ... and the client goes on');
    is($c->stats->{lru_crawler_running}, 0);

    # It goes away in the middle, or is told to end.
    for my $command ('metadump all', 'mgdump hash') {
        my $left = $server->conn(undef, receive_bytes => 4096);
        $left->put("lru_crawler $command\r\n");
        $left->take(1000);
        $left->close;
        poll_ok { !$c->stats->{lru_crawler_running} } "$command: a client that leaves ends it";
    }
    my $stuck = $server->conn(undef, receive_bytes => 4096);
    $stuck->put("lru_crawler metadump all\r\n");
    $stuck->take(1000);
    reply_is($c, "lru_crawler disable\r\n", $ok, 'lru_crawler disable ends a dump');
    reply_is($c, "lru_crawler enable\r\n", $ok);
    is(scalar(() = dump_of($server, 'metadump hash') =~ /^key=/mg), $count + 1,
       ' ... and another can begin');
    my $rest = $stuck->take_all;
    ok(defined $rest, ' ... and what was begun is cut off');
    unlike($rest // '', qr/END/, ' ... without its end mark');

    # Commands before and behind it on one connection
    is($c->ask("get meanwhile\r\nlru_crawler mgdump 63\r\nget meanwhile\r\n"),
       "VALUE meanwhile 0 1\r\n1\r\nEND\r\nEN\r\nVALUE meanwhile 0 1\r\n1\r\nEND\r\n",
       'a dump in a pipeline');

    # A crawl that takes its time is busy, and can be ended
    $c->ask("lru_crawler sleep 1000000\r\n");
    poll_ok { $c->ask("lru_crawler crawl all\r\n") eq $ok } 'a slow crawl';
    reply_is($c, "lru_crawler metadump all\r\n", $busy);
    reply_is($c, "lru_crawler crawl 1\r\n", $busy);
    is($c->stats->{lru_crawler_running}, 1);
    reply_is($c, "lru_crawler disable\r\n", $ok);
    reply_is($c, "lru_crawler enable\r\n", $ok);
    is($c->stats->{lru_crawler_running}, 0, ' ... ends with the crawler');
}
$server->stop;
done_testing;
