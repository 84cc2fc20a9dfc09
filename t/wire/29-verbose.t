# -vv: each request, what is answered, and who comes and goes, line for line as memcached shows it.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server('-vv');

# Lines of stderr, descriptors taken out, and CAS values, which differ from version to version.
sub plain {
    my ($text) = @_;
    return map {
        s/^([<>])\d+/$1N/r =~ s/^\d+:/N:/r =~ s/connection \d+\z/connection N/r
            =~ s/^CAS:  failure: expected \K\d+/N/r =~ s/[\s.]+\z//r
    } split /\n/, $text;
}

my $seen = 0;
sub fresh_lines {
    my $text = substr $server->stderr, $seen;
    return plain($text =~ s/[^\n]+\z//r);    # of the last line all may not be there yet
}

# The lines that come up to one like the last of those expected.
sub shows {
    my ($what, @expected) = @_;
    my @lines;
    poll_until { @lines = fresh_lines(); @lines >= @expected };
    is_deeply(\@lines, \@expected, $what);
    $seen = length $server->stderr;
}

# The listeners, then the connections by which the server was found to be up.
poll_ok { $server->stderr =~ /connection closed/ } 'the server says who came';
my @start = plain($server->stderr);
my @classes = grep { /^slab class/ } @start;
is($classes[0], 'slab class   1: chunk size        96 perslab   10922', 'the first slab class');
is($classes[-1], 'slab class  39: chunk size    524288 perslab       2', 'the last one');
is(scalar @classes, 39, 'every class has a line');
is((grep { /listening/ } @start)[0], '<N server listening (auto-negotiate)', 'what is listened for');
$seen = length $server->stderr;

my $c = $server->conn;
shows('a new connection', '<N new auto-negotiating client connection');

# A table of [what is said, lines]; the first carries what is learnt of the client.
my @greeting = ('N: Client using the ascii protocol');
for my $row (
    [ "get a\r\n",                  '>N END' ],
    [ "set a 0 0 3\r\nabc\r\n",     '>N STORED' ],
    [ "get a b a\r\n",              '>N sending key a', '>N sending key a', '>N END' ],
    [ "gets a\r\n",                 '>N sending key a', '>N END' ],
    [ "gat 0 a b\r\n",              '>N sending key a', '>N END' ],
    [ "touch a 0\r\n",              '>N TOUCHED' ],
    [ "add a 0 0 1\r\n1\r\n",       '>N NOT_STORED' ],
    [ "incr a 1\r\n",               '>N CLIENT_ERROR cannot increment or decrement non-numeric value' ],
    [ "set b 0 0 3 noreply\r\n100\r\n", '>N NOREPLY STORED' ],
    [ "incr b 1\r\n",               '>N 101' ],
    [ "cas b 0 0 1 999\r\n1\r\n",   'CAS:  failure: expected N, got 999', '>N EXISTS' ],
    [ "cas b 0 0 1 0\r\n1\r\n",     'CAS:  failure: expected N, got 0', '>N EXISTS' ],
    [ "delete b\r\n",               '>N DELETED' ],
    [ "delete b\r\n",               '>N NOT_FOUND' ],
    [ "set a 0 0 x\r\n",            '>N CLIENT_ERROR bad command line format' ],
    [ "nonsense\r\n",               '>N ERROR' ],
    [ "mg a v\r\n" ],
    [ "mg b\r\n" ],
    [ "ms a 1\r\n1\r\n" ],
    [ "md a\r\n" ],
    [ "me a\r\n",                   '>N EN' ],
    [ "mg a k k\r\n",               '>N CLIENT_ERROR duplicate flag' ],
    [ "mn\r\n",                     '>N MN' ],
    [ "stats\r\n" ],
    [ "stats settings\r\n" ],
    [ "stats nonsense\r\n",         '>N ERROR' ],
    [ "stats reset\r\n",            '>N RESET' ],
    [ "verbosity 2\r\n",            '>N OK' ],
    [ "version\r\n",                '>N VERSION ' . $server->version ],

    # What noreply keeps from the client.
    [ "add b 0 0 1 noreply\r\n1\r\n",      '>N NOREPLY STORED' ],
    [ "add b 0 0 1 noreply\r\n1\r\n",      '>N NOREPLY NOT_STORED' ],
    [ "replace b 0 0 1 noreply\r\n1\r\n",  '>N NOREPLY STORED' ],
    [ "append b 0 0 1 noreply\r\n1\r\n",   '>N NOREPLY STORED' ],
    [ "prepend no 0 0 1 noreply\r\n1\r\n", '>N NOREPLY NOT_STORED' ],
    [ "cas b 0 0 1 18446744073709551615 noreply\r\n1\r\n",
      'CAS:  failure: expected N, got 18446744073709551615', '>N NOREPLY EXISTS' ],
    [ "cas no 0 0 1 9 noreply\r\n1\r\n",   '>N NOREPLY NOT_FOUND' ],
    [ "set b 0 0 x noreply\r\n", '>N NOREPLY CLIENT_ERROR bad command line format' ],
    [ "incr b 1 noreply\r\n",                '>N NOREPLY 12' ],
    [ "decr b 1 noreply\r\n",                '>N NOREPLY 11' ],
    [ "incr b x noreply\r\n", '>N NOREPLY CLIENT_ERROR invalid numeric delta argument' ],
    [ "incr no 1 noreply\r\n",               '>N NOREPLY NOT_FOUND' ],
    [ "touch b 0 noreply\r\n",               '>N NOREPLY TOUCHED' ],
    [ "touch no 0 noreply\r\n",              '>N NOREPLY NOT_FOUND' ],
    [ "delete b noreply\r\n",                '>N NOREPLY DELETED' ],
    [ "delete b 0 noreply\r\n",              '>N NOREPLY NOT_FOUND' ],
    [ "delete b 3 noreply\r\n", '>N NOREPLY CLIENT_ERROR bad command line format.  '
          . 'Usage: delete <key> [noreply]' ],
    [ "verbosity 2 noreply\r\n",             '>N NOREPLY OK' ],
    [ "verbosity noreply\r\n", '>N NOREPLY CLIENT_ERROR bad command line format' ],
    [ "cache_memlimit noreply\r\n",          '>N NOREPLY ERROR' ],
    [ "slabs automove 0 noreply\r\n",        '>N NOREPLY OK' ],
    [ "lru mode segmented noreply\r\n",      '>N NOREPLY OK' ],
    [ "watch noreply\r\n",                   '>N NOREPLY ERROR' ],
    [ "flush_all noreply\r\n",               '>N NOREPLY OK' ],
    [ "flush_all x noreply\r\n", '>N NOREPLY CLIENT_ERROR invalid exptime argument' ],
    # some take no notice of it
    [ "nonsense noreply\r\n",                '>N ERROR' ],
    [ "lru_crawler enable noreply\r\n",      '>N ERROR' ],

    # The meta commands' q keeps nothing back that would be shown.
    [ "ms a 1 q\r\n1\r\n" ],
    [ "mg a v q\r\n" ],
    [ "mg no v q\r\n" ],
    [ "ms a 1 C99\r\n1\r\n",               'CAS:  failure: expected N, got 99' ],
    [ "ms a 1 MR C99 q\r\n1\r\n",          'CAS:  failure: expected N, got 99' ],
    [ "ms a 1 MA C99\r\n1\r\n" ],
    [ "ma a C99\r\n" ],
    [ "md a C99 q\r\n" ],
    [ "md a q\r\n" ],
    [ "mg b k k q\r\n",                    '>N CLIENT_ERROR duplicate flag' ],

    # A long line is shown whole.
    [ "get " . join(' ', map { "key-$_" } 1 .. 300) . "\r\n", '>N END' ],
) {
    my ($request, @lines) = @$row;
    $c->ask($request);
    $c->take_past("MN\r\n") if $request eq "mn\r\n";    # its own answer was taken for the end
    my ($line) = $request =~ /^(.*)\r\n/;
    # `ask` marks the end of the answer with one more request
    shows("what is shown of $line", @greeting, "<N $line", @lines, '<N mn', '>N MN');
    @greeting = ();
}

# The CAS value that was expected is the item's.
$c->ask("set b 0 0 1\r\n1\r\n");
my ($cas) = $c->ask("gets b\r\n") =~ /^VALUE b 0 1 (\d+)/;
$c->ask("cas b 0 0 1 99999\r\n1\r\n");
poll_ok { $server->stderr =~ /^CAS:  failure: expected \Q$cas\E, got 99999$/m } 'the CAS value of the item';
poll_ok { (fresh_lines())[-1] eq '>N MN' } 'all of it is shown';
$seen = length $server->stderr;

# Large values, in pieces or by reference, are not taken for lines; nor is what is swallowed.
my $large = "VALUE x\r\n>N END\r\n" x 40000;
my $bytes = length $large;
$c->ask("set large 0 0 $bytes\r\n$large\r\n");
shows('a large value is stored', "<N set large 0 0 $bytes", '>N STORED', '<N mn', '>N MN');
$c->ask("get large a large\r\n");
shows('it is sent', '<N get large a large', ('>N sending key large') x 2, '>N END', '<N mn', '>N MN');
my $too_large = 'x' x 2000000;
$c->ask("set huge 0 0 2000000\r\n$too_large\r\n");
shows('a value too large', '<N set huge 0 0 2000000', '>N SERVER_ERROR object too large for cache',
      '<N mn', '>N MN');

# Nor is the rest of a line whose key is too long, or a piece of a dump, a request or an answer.
my $too_long = 'k' x 251;
$c->ask("get a $too_long b c\r\n");
poll_ok { ((grep { !/END/ } fresh_lines())[-1] // '') eq '>N MN' } 'a key too long is shown';
is_deeply([ grep { !/END/ } fresh_lines() ],
          [ "<N get a $too_long b c", '>N CLIENT_ERROR bad command line format', '<N mn', '>N MN' ],
          'and the rest of its line is not');
$seen = length $server->stderr;
$c->ask(join '', map { "set dumped$_ 0 0 1 noreply\r\n1\r\n" } 1 .. 2000);
poll_ok { ((fresh_lines())[-1] // '') eq '>N MN' } 'two thousand items are there';
$seen = length $server->stderr;
$c->put("lru_crawler metadump all\r\n");
my $dump = $c->take_past("END\r\n");
cmp_ok($dump =~ tr/\n//, '>', 2000, 'they are dumped');
shows('of a dump only the request', '<N lru_crawler metadump all');
$c->put("quit\r\n");
shows('quit', '<N quit', '<N connection closed');

# HTTP, and a client that leaves.
my $browser = $server->conn;
$browser->put("GET / HTTP/1.1\r\n\r\n");
shows('a browser', '<N new auto-negotiating client connection',
      'N: Client using the ascii protocol', '<N GET / HTTP/1.1', '<N connection closed');
my $short = $server->conn;
$short->close;
shows('a client that says nothing', '<N new auto-negotiating client connection',
      '<N connection closed');

# Level 1 shows nothing of that; a new limit of memory it does.
my $d = $server->conn;
$d->command('verbosity 1');
$d->command('cache_memlimit 100');
poll_ok { (fresh_lines())[-1] eq 'maxbytes adjusted to 100m' } 'a new limit of memory';
$seen = length $server->stderr;
$d->ask("get a\r\n");
$d->ask("set a 0 0 1 noreply\r\n1\r\n");
$d->close;
is(join(' ', fresh_lines()), '', 'verbosity 1: requests are not shown');
$server->stop;

# The binary protocol.
$server = server('-vv');
my $first = $server->conn;
$first->command('mn');
$first->close;
poll_ok { 2 == (() = $server->stderr =~ /connection closed/g) } 'another server';
$seen = length $server->stderr;

sub head {
    my ($magic, $opcode, $key, $extras, $value, $cas) = @_;
    my $body = ($extras // '') . $key . ($value // '');
    return pack('CCnCCnNNQ>', $magic, $opcode, length $key, length($extras // ''), 0, 0,
                length $body, 0, $cas // 0) . $body;
}
sub rows {
    my ($direction, $what, $bytes) = @_;
    return ("${direction}N $what",
            map { "${direction}N" . ($direction eq '<' ? '    ' : '   ')
                      . join(' ', map { sprintf '0x%02x', ord } split //, $_) }
            unpack '(a4)6', $bytes);
}
sub asks { return rows('<', 'Read binary protocol data:', $_[0]) }
sub answers { return rows('>', 'Writing bin response:', pack 'CCnCCnNNx8', 0x81, @_, 0) }

my $b = $server->conn;
my @hello = ('<N new auto-negotiating client connection', 'N: Client using the binary protocol');
for my $row (
    [ head(0x80, 0x0a, ''), answers(0x0a, 0, 0, 0, 0, 0) ],
    [ head(0x80, 0x00, 'k'), '<N GET k', '>N Writing an error: Not found',
      answers(0x00, 0, 0, 0, 1, 9) ],
    [ head(0x80, 0x1c, 'k', "\0" x 4), '<N TOUCH k', '>N Writing an error: Not found',
      answers(0x1c, 0, 0, 0, 1, 9) ],
    [ head(0x80, 0x03, 'k', "\0" x 8, 'abc'), '<N REPLACE k Value len is 3',
      '>N Writing an error: Not found', answers(0x03, 0, 0, 0, 1, 9) ],
    [ head(0x80, 0x11, 'k', pack('NN', 0, 0), 'abc'), '<N SET k Value len is 3' ],
    [ head(0x80, 0x11, 'k', pack('NN', 0, 0), 'abc', 99), '<N SET k Value len is 3',
      'CAS:  failure: expected N, got 99', '>N Writing an error: Data exists for key',
      answers(0x11, 0, 0, 0, 2, 20) ],
    [ head(0x80, 0x09, 'no'), '<N GET no' ],
    [ head(0x80, 0x14, 'k'), 'Deleting k' ],
    [ head(0x80, 0x05, 'k', pack('NNNNN', 0, 1, 0, 5, 0xffffffff)), 'incr k 1, 5, -1',
      '>N Writing an error: Not found', answers(0x05, 0, 0, 0, 1, 9) ],
    [ head(0x80, 0x04, 'k'), 'Deleting k', '>N Writing an error: Not found',
      answers(0x04, 0, 0, 0, 1, 9) ],
    [ head(0x80, 0x0f, 'k', '', 'a'), 'Value len is 1', '>N Writing an error: Not stored',
      answers(0x0f, 0, 0, 0, 5, 11) ],
    [ head(0x80, 0x50, ''), '>N Writing an error: Unknown command',
      answers(0x50, 0, 0, 0, 0x81, 15) ],
    [ head(0x80, 0x10, 'settings'), '<N STATS settings' ],
) {
    my ($request, @lines) = @$row;
    $b->put($request);
    shows(sprintf('opcode %02x', ord substr $request, 1, 1), @hello, asks($request), @lines);
    @hello = ();
}
my $odd = head(0x12, 0, '');
$b->put($odd);
shows('a request that is none', asks($odd), 'Invalid magic:  12', '<N connection closed');
$server->stop;

# Before a client has logged in, only what it is told.
my $users = Wire::Server::dir() . '/users';
open my $file, '>', $users or die "$users: $!";
print {$file} "name:secret\n";
close $file or die "$users: $!";
$server = server('-vv', '-Y', $users);
poll_ok { 1 == (() = $server->stderr =~ /connection closed/g) } 'a server with users';
$seen = length $server->stderr;
my $user = $server->conn;
$user->put("name secret\r\n");
shows('what is no login', '<N new ascii client connection', '>N CLIENT_ERROR unauthenticated');
for my $row (
    [ "set x 0 0 9\r\nname none\r\n",    '>N CLIENT_ERROR authentication failure' ],
    [ "set x 0 0 11\r\nname secret\r\n", '>N STORED' ],
    [ "get x\r\n",                       '<N get x', '>N END' ],
) {
    my ($request, @lines) = @$row;
    $user->put($request);
    shows("what is shown of a login: $lines[-1]", @lines);
}
$server->stop;

# Of a datagram, each request; what is cut off is not answered.
$server = Wire::Server->start_with_udp('-vv', '-t', 1);
poll_ok { $server->stderr =~ /new auto-negotiating/ } 'a server with UDP';
my $udp = $server->udp;
for my $row (
    [ "get a\r\n", ["END\r\n"], '<N get a', '>N END' ],
    [ "set a 0 0 1\r\n1\r\nget a\r\nget b\r\n",
      [ "STORED\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", "END\r\n" ],
      '<N set a 0 0 1', '>N STORED', '<N get a', '>N sending key a', '>N END', '<N get b', '>N END' ],
    [ "set a 0 0 1 noreply\r\n1\r\nincr a 1 noreply\r\nmn\r\n", ["MN\r\n"],
      '<N set a 0 0 1 noreply', '>N NOREPLY STORED', '<N incr a 1 noreply', '>N NOREPLY 2',
      '<N mn', '>N MN' ],
    [ "cas a 0 0 1 0\r\n1\r\n", ["EXISTS\r\n"], '<N cas a 0 0 1 0',
      'CAS:  failure: expected N, got 0', '>N EXISTS' ],
) {
    my ($requests, $replies, @lines) = @$row;
    $seen = length $server->stderr;
    $udp->request($requests);
    is_deeply([ map { ($udp->reply // {})->{data} } @$replies ], $replies,
              "what is answered to a datagram that begins with $lines[0]");
    shows('what is shown of it', @lines);
}
$server->stop;
done_testing;
