# Where it takes datagrams: options, addresses, several workers on one socket.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

use IO::Socket::IP;
use Socket qw(SOCK_DGRAM);

my @user = Wire::Server::user_options();
my $dir = Wire::Server::dir();

# The ports that a server of these arguments writes down, as lists by the kind of line.
sub ports_of {
    my ($want_lines, @arguments) = @_;
    my $file = "$dir/ports";
    unlink $file;
    local $ENV{MEMCACHED_PORT_FILENAME} = $file;
    my $text = sub { open my $in, '<', $file or return ''; local $/; return <$in> // '' };
    my $server = Wire::Server->spawn(@user, @arguments);
    poll_ok { $server->ended || ($text->() =~ tr/\n//) >= $want_lines } "it starts: @arguments";
    diag($server->stderr) if $server->ended;
    my %ports;
    /^(\w+ \w+): (\d+)\z/ and push @{ $ports{$1} }, $2 for split /\n/, $text->();
    return ($server, \%ports);
}

sub answers {
    my ($to, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $u = Wire::Udp->open($to);
    return is($u && $u->ask("get none\r\n"), "END\r\n", $name);
}

# Off unless asked for
my $server = server('-t', 1);
is($server->conn->stats('settings')->{udpport}, 0, 'UDP is off');
is(scalar(grep { /:UDP$/ } keys %{ $server->conn->stats('conns') }), 0, ' ... indeed');
$server->stop;

# -U alone chooses the TCP port too.
my $port = Wire::Server::free_udp_port();
($server, my $ports) = ports_of(2, '-l', '127.0.0.1', '-U', $port);
is_deeply($ports, { 'TCP INET' => [$port], 'UDP INET' => [$port] }, '-U alone is both ports');
answers($port, ' ... UDP');
value_is(Wire::Conn->open($port), 'none', undef, ' ... and TCP');
$server->stop;

# Each with a port of its own
my $other = Wire::Server::free_udp_port();
($server, $ports) = ports_of(2, '-l', '127.0.0.1', '-U', $port, '-p', $other);
is_deeply($ports, { 'TCP INET' => [$other], 'UDP INET' => [$port] }, '-U and -p');
answers($port, ' ... UDP');
$server->stop;

# UDP only
($server, $ports) = ports_of(1, '-l', '127.0.0.1', '-U', $port, '-p', 0);
is_deeply($ports, { 'UDP INET' => [$port] }, '-p 0 -U: no TCP');
answers($port, ' ... but UDP');
ok(!Wire::Conn->open($port), ' ... indeed no TCP');
$server->stop;

# Any free port
($server, $ports) = ports_of(2, '-l', '127.0.0.1', '-U', -1);
ok($ports->{'TCP INET'}[0] > 0 && $ports->{'UDP INET'}[0] > 0, '-U -1: ports of its own choice');
answers($ports->{'UDP INET'}[0], ' ... UDP');
is(Wire::Conn->open($ports->{'TCP INET'}[0])->stats('settings')->{udpport}, -1,
   ' ... stats settings show what was asked for');
$server->stop;

# Several addresses: the port of an address is its port for both.
($server, $ports) = ports_of(4, '-t', 2, '-l', "127.0.0.1:$port,127.0.0.2:$other", '-U', 1);
is_deeply($ports, { 'TCP INET' => [ $port, $other ], 'UDP INET' => [ $port, $other ] },
          '-l with ports: they are for UDP too');
answers([ '127.0.0.1', $port ], ' ... the first');
answers([ '127.0.0.2', $other ], ' ... the second');
my $c = Wire::Conn->open([ '127.0.0.1', $port ]);
is($c->stats('settings')->{num_threads_per_udp}, 1, ' ... each has one thread');
is(scalar(grep { /:UDP$/ } keys %{ $c->stats('conns') }), 2, ' ... and one row in stats conns');
$server->stop;

# Every address of the machine answers as the one that was asked.
$port = Wire::Server::free_udp_port();
($server, $ports) = ports_of(2, '-U', $port, '-t', 3);
answers([ '127.0.0.1', $port ], 'without -l: one address');
SKIP: {
    my $stock = !Wire::Server::is_replicating();
    skip 'this server answers from an address of its own choice', 1 if $stock;
    answers([ '127.0.0.77', $port ], ' ... and another');
}
SKIP: {
    skip 'no IPv6 here', 1 unless $ports->{'UDP INET6'};
    answers([ '::1', $port ], ' ... and that of IPv6');
}
$c = Wire::Conn->open($port);
my $conns = $c->stats('conns');
my $wanted = $ports->{'UDP INET6'} ? 6 : 3;
is(scalar(grep { /:UDP$/ } keys %$conns), $wanted, ' ... a row a thread and socket');
my $listening = grep { $_ eq 'conn_listening' } values %$conns;
stat_is($c, 'curr_connections', $listening + $wanted + 1 - 1,
        'curr_connections: all sockets but one');

# Three workers on one socket: what many clients ask is answered, and no change is lost.
set_ok($c, 'n', '0');
my @clients = map { Wire::Udp->open($port) } 1 .. 20;
my $answered = 0;
for my $round (1 .. 50) {
    $_->request("incr n 1\r\n") for @clients;
    for my $client (@clients) {
        my $reply = $client->reply;
        $answered++ if $reply && $reply->{id} == $client->{id};
    }
}
is($answered, 1000, '1000 requests to three workers are answered');
value_is($c, 'n', '1000', ' ... and each was done once');
$server->stop;

# A port that somebody else has
my $taken = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Type => SOCK_DGRAM);
$server = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', Wire::Server::free_port(), '-U',
                              $taken->sockport);
my $status = $server->wait_end;
is(defined $status && $status >> 8, 71, 'a UDP port that is taken ends it: EX_OSERR');
like($server->stderr, qr/in use/, ' ... with a reason');

# A unix socket switches the network off.
my $path = "$dir/udp.sock";
$server = server('-s', $path, '-U', Wire::Server::free_udp_port());
is(scalar(grep { /:UDP$/ } keys %{ $server->conn->stats('conns') }), 0, '-s: no UDP');
$server->stop;
done_testing;
