# Large values in little memory, written by many clients at once.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $is_ours = Wire::Server::is_replicating();

# Every client begins to send a value before any ends; returns the replies that are no STORED.
sub rewrite {
    my ($clients, $round, $key_count, $bytes_of) = @_;
    my @second_half;
    for my $i (0 .. $#$clients) {
        my $bytes = $bytes_of->($round, $i);
        my $key = 'k' . ($round * 7 + $i * 13) % $key_count;
        my $value = chr(ord('a') + ($round + $i) % 26) x $bytes;
        my $half = int($bytes / 2);
        $clients->[$i]->put("set $key 0 0 $bytes\r\n" . substr $value, 0, $half);
        push @second_half, substr($value, $half) . "\r\n";
    }
    $clients->[$_]->put($second_half[$_]) for 0 .. $#$clients;
    return grep { $_ ne "STORED\r\n" } map { $_->line } @$clients;
}

# [name, options, clients, rounds, keys, bytes of the value]
for my $case (
    [ '100 KB', [ '-m', 64 ], 20, 60, 125, sub { 100_000 } ],
    [ 'up to 900 KB', [ '-m', 8 ], 6, 150, 40, sub { 1000 + ($_[0] * 7919 + $_[1] * 104_729) % 900_000 } ],
    [ '3 MB', [ '-m', 64, '-I', '4m' ], 4, 30, 30, sub { 3_000_000 } ],
    [ 'small chunks', [ '-m', 32, '-I', '4m', '-o', 'slab_chunk_max=16' ], 6, 60, 30,
      sub { 1000 + ($_[0] * 7919 + $_[1] * 104_729) % 3_000_000 } ],
) {
    my ($name, $options, $client_count, $rounds, $key_count, $bytes_of) = @$case;
    next if "@$options" =~ /slab_chunk_max/ && !Wire::Server->does('slab_chunk_max_kilobytes');
    my $server = server(@$options);
    my @clients = conns($server, $client_count);
    my @refused;
    push @refused, rewrite(\@clients, $_, $key_count, $bytes_of) for 1 .. $rounds;
    is(scalar(grep { !defined || !/^SERVER_ERROR / } @refused), 0,
       "$name: a value is stored, or there is no memory");
    SKIP: {
        # memcached has no memory now and then
        skip 'there is memory', 1 unless $is_ours;
        is(scalar @refused, 0, ' ... and there is') or diag("$refused[0]");
    }
    my $damaged = 0;
    for my $key (map { "k$_" } 0 .. $key_count - 1) {
        my $got = $clients[0]->get($key);
        $damaged++ if defined $got && $got ne substr($got, 0, 1) x length $got;
    }
    is($damaged, 0, ' ... what is there is whole');
    $server->stop;
}

# The largest there are, and one that memory cannot hold
my $server = server('-m', 256, '-I', '100m');
my $c = $server->conn;
my $huge = 'h' x (90 << 20);
is($c->ask('set huge 0 0 ' . length($huge) . "\r\n$huge\r\n"), "STORED\r\n", '90 MB are stored');
ok($c->get('huge') eq $huge, ' ... and come back');
reply_is($c, 'set huge 0 0 ' . (101 << 20) . "\r\n" . 'h' x (101 << 20) . "\r\n",
         "SERVER_ERROR object too large for cache\r\n", '101 MB are too large');
value_is($c, 'huge', undef, ' ... and the old value is gone');
$server->stop;
done_testing;
