package Wire::ClientCases;

# What every client library has to see of the server, whatever its language and protocol.
#
#   use Wire::ClientCases;
#   clients_of_ok('python');    # each client of Wire::Adapter's table for this language; then ends

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use Time::HiRes qw(time);
use Wire;
use Wire::Adapter;

our @EXPORT = qw(clients_of_ok);

use constant { MANY => 100, LARGE_BYTES => 400_000 };

# Tests all clients of the language against a server of their own; those that are missing are
# skipped, and that is said.
sub clients_of_ok {
    my ($language, @more) = @_;
    my (@here, @missing);
    for my $client (Wire::Adapter::clients($language)) {
        my $why = $client->missing;
        push @{ $why ? \@missing : \@here }, $why // $client;
    }
    plan skip_all => join ', ', @missing unless @here;
    diag("$0 skipped: $_") for @missing;
    my $server = server();
    for my $client (@here) {
        subtest $client->name => sub {
            $server->conn->command('flush_all');
            client_ok($client, $server);
            $_->($client, $server) for @more;
        };
    }
    $server->stop;
    done_testing;
}

# An adapter's answer; one that the table says the library lacks is passed over.
sub answer_is {
    my ($adapter, $line, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $adapter->ask($line);
    my ($command) = $line =~ /^(\w+)/;
    return is($got, 'unsupported', "no $command in this library") if $adapter->lacks($command);
    return is(substr($got, 0, 300), substr($want, 0, 300), $name) && is($got, $want, ' ... to the end')
        if length $want > 300;
    return is($got, $want, $name);
}

sub client_ok {
    my ($client, $server) = @_;
    my $adapter = $client->open('127.0.0.1', $server->port);
    my $again = $client->open('127.0.0.1', $server->port);
    my @cases = (\&stores_and_reads, \&reads_many, \&counts, \&touches, \&deletes, \&expires);
    for my $case (@cases) {
        my $is_through = eval { $case->($adapter, $again, $server); 1 };
        next if $is_through;
        fail("$adapter->{name} goes on");
        diag($@);
        last;
    }
    $_->close for $adapter, $again;
}

sub stores_and_reads {
    my ($adapter, $again) = @_;
    answer_is($adapter, 'get nothing', 'miss', 'get of a miss');
    answer_is($adapter, 'set k one 0', 'ok', 'set');
    answer_is($adapter, 'get k', 'value one', 'get');
    answer_is($again, 'get k', 'value one', 'another client reads it, too');
    answer_is($again, 'set k two 100', 'ok', ' ... and writes it');
    answer_is($adapter, 'get k', 'value two', ' ... which the first one sees');
    answer_is($adapter, 'add k three 0', 'no', 'add of a held key');
    answer_is($adapter, 'add new three 0', 'ok', 'add');
    answer_is($adapter, 'get new', $adapter->lacks('add') ? 'miss' : 'value three', ' ... is there');
    my $large = join '', map { chr(97 + $_ * $_ % 26) } 1 .. LARGE_BYTES;
    answer_is($adapter, "set large $large 0", 'ok', 'a large value');
    answer_is($again, 'get large', "value $large", ' ... comes back as it went');
}

sub reads_many {
    my ($adapter) = @_;
    my %value = map { ("many$_" => "value$_") } 1 .. MANY;
    my @failed = grep { $adapter->ask("set $_ $value{$_} 0") ne 'ok' } keys %value;
    is_deeply(\@failed, [], MANY . ' keys are stored');
    my $got = $adapter->ask(join ' ', 'mget', sort(keys %value), 'nothing');
    return is($got, 'unsupported', 'no mget in this library') if $adapter->lacks('mget');
    like($got, qr/^values /, 'mget');
    my (undef, @words) = split ' ', $got;
    is_deeply({ map { split /=/, $_, 2 } @words }, \%value, ' ... finds all that are there, and no more');
}

sub counts {
    my ($adapter) = @_;
    answer_is($adapter, 'set n 9 0', 'ok', 'a number');
    answer_is($adapter, 'incr n 1', 'number 10', 'incr');
    answer_is($adapter, 'incr n 2000000000', 'number 2000000010', 'incr by much');
    answer_is($adapter, 'decr n 3', 'number 2000000007', 'decr');
    answer_is($adapter, 'decr n 2000000008', 'number 0', 'decr below zero');
    answer_is($adapter, 'incr uncounted 1', $adapter->{incr_of_miss} // 'miss', 'incr of a miss');
}

# The time left as the server tells it: seconds, -1 for ever, nothing for a miss.
sub time_left {
    my ($server, $key) = @_;
    return $server->conn->ask("mg $key t\r\n") =~ /t(-?\d+)/ ? $1 : undef;
}

sub touches {
    my ($adapter, $again, $server) = @_;
    answer_is($adapter, 'set lasting x 0', 'ok');
    answer_is($adapter, 'touch lasting 500', 'ok', 'touch');
    answer_is($adapter, 'touch nothing 500', 'no', 'touch of a miss');
    return if $adapter->lacks('touch');
    my $left = time_left($server, $adapter->server_key('lasting'));
    ok(defined $left && $left > 400 && $left <= 500, ' ... sets the time left') or diag($left // 'a miss');
    answer_is($adapter, 'touch lasting 1', 'ok', 'touch to an end');
    poll_ok { $adapter->ask('get lasting') eq 'miss' } ' ... which comes';
}

sub deletes {
    my ($adapter, $again) = @_;
    answer_is($adapter, 'set gone x 0', 'ok');
    answer_is($adapter, 'delete gone', 'ok', 'delete');
    answer_is($adapter, 'get gone', 'miss', ' ... deletes');
    answer_is($again, 'get gone', 'miss', ' ... for another client, too');
    answer_is($adapter, 'delete gone', $adapter->{delete_of_miss} // 'no', 'delete of a miss');
}

sub expires {
    my ($adapter, $again, $server) = @_;
    my $begin = time;
    my @answers = map { $adapter->ask($_) } 'set short x 2', 'get short';
    is($answers[0], 'ok', 'set with an expiry');
    is($answers[1], 'value x', ' ... is there at first') if time - $begin < 1;
    return if $adapter->{own_expiry};
    my $left = time_left($server, $adapter->server_key('short')) // 0;
    ok($left >= 0 && $left <= 2, ' ... for so long') or diag($left);
    poll_ok { $adapter->ask('get short') eq 'miss' } ' ... and then gone';
}

1;
