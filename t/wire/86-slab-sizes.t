# -o slab_sizes: the chunk sizes of the slab classes, one by one.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

# Classes in use and their chunks' sizes.
sub classes_of {
    my ($c) = @_;
    my $slabs = $c->stats('slabs');
    return { map { /^(\d+):chunk_size\z/ ? ($1 => $slabs->{$_}) : () } keys %$slabs };
}

my $server = server('-o', 'slab_sizes=100-300-500-1000');
my $c = $server->conn;
set_ok($c, "k$_", 'x' x $_) for 10, 200, 400, 800, 5_000;
is_deeply(classes_of($c), { 1 => 104, 2 => 304, 3 => 504, 4 => 1000, 5 => 524288 },
          'these sizes, made to end on eight bytes, and slab_chunk_max behind them');
value_is($c, "k$_", 'x' x $_, "a value of $_ bytes") for 10, 200, 400, 800, 5_000;
is($c->stats('slabs')->{'2:chunks_per_page'}, int(1048576 / 304));
like($c->ask("mg k800 s t\r\nme k800\r\n"), qr/ cls=4 /, 'me tells the class');
$server->stop;

my $most = join '-', map { 100 + 16 * $_ } 0 .. 61;
$server = server('-o', "slab_sizes=$most");
$c = $server->conn;
set_ok($c, 'k', 'x' x 2_000);
is_deeply(classes_of($c), { 63 => 524288 }, '62 of them, and the last');
$server->stop;

# [list, what is wrong]
for my $row (
    [ '200-100',      'slab size 100 cannot be lower than or equal to a previous class size' ],
    [ '200-200',      'slab size 200 cannot be lower than or equal to a previous class size' ],
    [ '100-108',      'slab size 108 must be at least 8 bytes larger than previous class' ],
    [ '47-100',       'slab size 47 is out of valid range' ],
    [ '100-524289',   'slab size 524289 is out of valid range' ],
    [ '100-x',        'slab size \S+ is out of valid range' ],
    [ "$most-2000",   'too many slab classes specified' ],
) {
    my ($list, $message) = @$row;
    my $run = Wire::Server->spawn('-p', 0, '-o', "slab_sizes=$list");
    is(($run->wait_end // 0) >> 8, 64, "slab_sizes=$list is refused");
    like($run->stderr, qr/^$message/m, " ... because: $message");
}
done_testing;
