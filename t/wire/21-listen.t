# Where it listens: several addresses, IPv6, unix sockets, ports of its own choice.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

use IO::Socket::IP;

my @user = Wire::Server::user_options();
my $dir = Wire::Server::dir();

# The addresses are opened one after the other: the first answers before the last is listened on.
sub reach {
    my ($to) = @_;
    my $c;
    poll_until { $c = Wire::Conn->open($to) };
    return $c;
}

sub answers {
    my ($server, $to, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $c = reach($to);
    return ok($c && $c->command('version') eq "VERSION @{[$server->version]}\r\n", $name);
}

# Runs a server with these arguments alone, ready when the check says so.
sub run_until {
    my ($ready, @arguments) = @_;
    my $server = Wire::Server->spawn(@user, @arguments);
    poll_ok { $server->ended || $ready->() } "it starts: @arguments";
    diag($server->stderr) if $server->ended;
    return $server;
}

# -l several times, and as a list, each with a port of its own
my ($one, $two, $three) = map { Wire::Server::free_port() } 1 .. 3;
my $server = server('-l', "127.0.0.1:$one,127.0.0.2:$two", '-l', "127.0.0.3:$three");
answers($server, [ '127.0.0.1', $server->port ], '-l: the address without a port');
answers($server, [ '127.0.0.1', $one ], 'the first of a list');
answers($server, [ '127.0.0.2', $two ], 'the second');
answers($server, [ '127.0.0.3', $three ], 'a further -l');
ok(!Wire::Conn->open([ '127.0.0.2', $one ]), 'and nowhere else');
set_ok($server->conn([ '127.0.0.1', $one ]), 'shared', '1');
value_is($server->conn([ '127.0.0.3', $three ]), 'shared', '1', 'it is one cache');
$server->stop;

# Prefixes: a protocol, a tag
if ($server->does('listen_prefixes')) {
    my ($ascii, $binary, $tagged) = map { Wire::Server::free_port() } 1 .. 3;
    my $noop = pack('CCx22', 0x80, 0x0a);
    my $server = server('-l', "proto[ascii]:127.0.0.1:$ascii,proto[binary]:tag[b]:127.0.0.1:$binary",
                        '-l', "tag_abc_:127.0.0.1:$tagged");
    answers($server, [ '127.0.0.1', $ascii ], 'proto[ascii]: text');
    my $c = $server->conn([ '127.0.0.1', $ascii ]);
    $c->put("$noop\r\n");
    is($c->line, "ERROR\r\n", ' ... and only text');
    $c = reach([ '127.0.0.1', $binary ]);
    $c->put($noop);
    is($c->take(24), pack('CCx22', 0x81, 0x0a), 'proto[binary]: binary');
    $c = $server->conn([ '127.0.0.1', $binary ]);
    $c->put("version\r\nversion\r\nversion\r\nversion\r\n");
    is($c->take_all, '', ' ... and only binary');
    answers($server, [ '127.0.0.1', $tagged ], 'tag_abc_: text');
    $c = $server->conn([ '127.0.0.1', $tagged ]);
    $c->put($noop);
    is($c->take(24), pack('CCx22', 0x81, 0x0a), ' ... and binary');
    answers($server, [ '127.0.0.1', $server->port ], 'another address: what -B says');
    $server->stop;
}
for my $row ([ 'tag[]:127.0.0.1', 'Listener tags must be between 1 and 8 characters: ""' ],
             [ 'tag[123456789]:127.0.0.1',
               'Listener tags must be between 1 and 8 characters: "123456789"' ],
             [ 'tag_ab:127.0.0.1:1', 'Invalid tag in socket config: "_ab:127.0.0.1:1"' ],
             [ 'proto[:127.0.0.1:1', 'Invalid protocol spec: "[:127.0.0.1:1"' ],
             [ 'proto[proxy]:127.0.0.1:1', 'Proxy must be enabled to use: "proto[proxy"' ],
             [ '127.0.0.1:abc', 'Invalid port number: "abc"' ],
             [ '[::1', 'Invalid IPV6 address: "[::1"' ]) {
    last unless $server->does('listen_prefixes');
    my ($address, $message) = @$row;
    my $refused = Wire::Server->spawn(@user, '-p', Wire::Server::free_port(), '-l', $address);
    is($refused->wait_end, 71 << 8, "-l $address is refused");
    is(index($refused->stderr, $message), 0, ' ... with a message');
}

# -l with -p; -l replaces the wildcard address
my $port = Wire::Server::free_port();
$server = run_until(sub { Wire::Conn->open($port) }, '-l', '127.0.0.1,127.0.0.2', '-p', $port);
answers($server, [ '127.0.0.1', $port ], '-l a,b -p: the first');
answers($server, [ '127.0.0.2', $port ], ' ... and the second');
ok(!Wire::Conn->open([ '127.0.0.3', $port ]), ' ... and no other');
$server->stop;

# Without -l, every address
$port = Wire::Server::free_port();
$server = run_until(sub { Wire::Conn->open($port) }, '-p', $port);
answers($server, [ '127.0.0.7', $port ], 'without -l every address');
$server->stop;

SKIP: {
    my $probe = IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1, Proto => 'tcp')
        or skip 'no IPv6 here', 4;
    $probe->close;
    my $six = Wire::Server::free_port('::1');
    my $server = server('-l', "[::1]:$six");
    answers($server, [ '::1', $six ], '-l [::1]:port');
    my $conns = $server->conn([ '::1', $six ])->stats('conns');
    ok((grep { /^tcp6:\[::1\]:$six\z/ } values %$conns), ' ... stats conns show it');
    $server->stop;
    $server = run_until(sub { Wire::Conn->open([ '::1', $six ]) }, '-l', '::1', '-p', $six);
    answers($server, [ '::1', $six ], '-l ::1 -p');
    $server->stop;
}

# Addresses that somebody else listens on
{
    my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1, Proto => 'tcp',
                                    V6Only => 1) or die "socket: $!";
    my $port = $taken->sockport;
    my $server = Wire::Server->spawn(@user, '-l', "127.0.0.1:$port");
    my $status = $server->wait_end;
    ok(defined $status && $status >> 8, '-l of an address that is taken');
    $server = Wire::Server->spawn(@user, '-l', '127.0.0.2,127.0.0.1', '-p', $port);
    $status = $server->wait_end;
    ok(defined $status && $status >> 8, ' ... and of a free one before it');
  SKIP: {
        skip 'no IPv6 here', 2 unless IO::Socket::IP->new(LocalHost => '::1', LocalPort => 0, Listen => 1);
        my $server = run_until(sub { Wire::Conn->open([ '::1', $port ]) }, '-p', $port);
        answers($server, [ '::1', $port ], 'without -l the address that is left is enough');
        $server->stop;
    }
}

# Ports of its own choice, told in a file
{
    my $file = "$dir/ports";
    local $ENV{MEMCACHED_PORT_FILENAME} = $file;
    my $text = sub { open my $in, '<', $file or return ''; local $/; return <$in> // '' };
    my $server = run_until(sub { $text->() =~ /\n\z/ }, '-l', '127.0.0.1', '-p', '-1', '-U', '0');
    like($text->(), qr/^TCP INET: (\d+)\n\z/, '-p -1: the port is told');
    my ($chosen) = $text->() =~ /(\d+)/;
    answers($server, [ '127.0.0.1', $chosen ], ' ... and listened on') if $chosen;
    $server->stop;
}

# Unix sockets
my $path = "$dir/memcached.sock";
$server = server('-s', $path);
is(sprintf('%o', (stat $path)[2] & 07777), '700', '-s: a socket of mode 700');
my $c = $server->conn;
replies_are($c,
    [ "set a 0 0 1\r\n1\r\n", "STORED\r\n" ],
    [ "get a\r\n",            "VALUE a 0 1\r\n1\r\nEND\r\n" ],
    [ 'set big 0 0 500000' . "\r\n" . 'b' x 500000 . "\r\n", "STORED\r\n" ],
    [ "get big\r\n", "VALUE big 0 500000\r\n" . 'b' x 500000 . "\r\nEND\r\n" ],
);
is($c->stats('settings')->{domain_socket}, $path, 'stats settings name it');
my $conns;
ok(poll_until { $conns = $c->stats('conns'); grep { $_ eq "unix:$path" } values %$conns },
   'stats conns name it')
    or diag(join ', ', map { "$_ $conns->{$_}" } sort keys %$conns);
my @many = conns($server, 100);
set_ok($_, 'm', '1') for $many[99];
value_is($_, 'm', '1') for $many[0];
$server->stop;
for my $mode ('722', '0777', '660', '600') {
    my $server = server('-s', $path, '-a', $mode);
    is(sprintf('%04o', (stat $path)[2] & 07777), sprintf('%04o', oct $mode),
       "-a $mode, and the socket left behind by the last one is no obstacle");
    $server->stop;
}
{
    open my $file, '>', "$dir/precious";
    print $file "text\n";
    close $file;
    my $server = Wire::Server->spawn(@user, '-s', "$dir/precious");
    my $status = $server->wait_end;
    ok(defined $status && $status >> 8, 'a file that is no socket is no place for one');
    is(-s "$dir/precious", 5, ' ... and is left alone');
}
done_testing;
