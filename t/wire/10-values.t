# Values: of every size, up to -I and above.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

sub value_of { my ($bytes) = @_; return substr 'abcdefghijklmnopqrstuvwxyz' x ($bytes / 26 + 1), 0, $bytes }

# Sizes around the ends of the slab classes, and around a buffer's size.
for my $bytes (0 .. 3, 40 .. 60, map({ ($_ - 1, $_, $_ + 1) } 96, 120, 512, 1024, 2048, 4096, 8192,
               16384, 32768, 65536, 131072, 262144, 400000, 524288), 1000000, 1048000) {
    my $value = value_of($bytes);
    is($c->set('v', $value, 9), "STORED\r\n", "a value of $bytes bytes");
    reply_is($c, "get v\r\n", "VALUE v 9 $bytes\r\n$value\r\nEND\r\n", ' ... comes back');
}

# Everything that a slab class's smallest and largest item are, kept at once.
my %stored;
for (my $bytes = 1; $bytes < 200_000; $bytes = int($bytes * 1.13) + 1) {
    $stored{"size$bytes"} = value_of($bytes);
    $c->set("size$bytes", $stored{"size$bytes"});
}
is(scalar(grep { $c->get($_) ne $stored{$_} } keys %stored), 0,
   scalar(keys %stored) . ' sizes kept at once come back whole');

# The limit counts key and header, so a value of exactly -I is too large.
set_ok($c, 'v', value_of(1048516));
value_is($c, 'v', value_of(1048516), 'the longest that memcached stores under a key of one byte');
my $too_large = "SERVER_ERROR object too large for cache\r\n";
for my $bytes (1048576, 1048577, 3_000_000) {
    set_ok($c, 'v', 'old');
    reply_is($c, "set v 0 0 $bytes\r\n" . value_of($bytes) . "\r\n", $too_large,
             "a value of $bytes bytes is refused and swallowed");
    value_is($c, 'v', undef, ' ... the old value is gone');
}
my $big = value_of(1048576);
for my $command ('add new 0 0 1048576', 'replace v 0 0 1048576', 'append v 0 0 1048576',
                 'prepend v 0 0 1048576', 'cas v 0 0 1048576 1') {
    set_ok($c, 'v', 'old');
    reply_is($c, "$command\r\n$big\r\n", $too_large, $command);
    reply_is($c, "get new\r\n", "END\r\n");
}
set_ok($c, 'v', 'old');
reply_is($c, "set v 0 0 1048576 noreply\r\n$big\r\n", '', 'with noreply it is not answered');
value_is($c, 'v', undef, ' ... the old value is gone');
cmp_ok($c->stats->{store_too_large}, '>=', 9, 'stats count them');

# append and prepend that would grow an item past the limit
set_ok($c, 'v', value_of(1048000));
my $refused_before = $c->stats->{store_too_large};
for my $verb ('append', 'prepend') {
    reply_is($c, "$verb v 0 0 1048000\r\n" . value_of(1048000) . "\r\n", "NOT_STORED\r\n",
             "$verb past the limit is refused");
}
for my $mode ('A', 'P') {
    reply_is($c, "ms v 1048000 M$mode k\r\n" . value_of(1048000) . "\r\n", "NS kv\r\n",
             " ... and ms M$mode");
}
stat_is($c, 'store_too_large', $refused_before, ' ... which counts as no value too large');
value_is($c, 'v', value_of(1048000), ' ... and changes nothing');

# A value that grows through the slab classes by append and prepend
my ($grown, $piece) = ('', value_of(997));
set_ok($c, 'grow', '');
for my $n (1 .. 100) {
    $c->command(($n % 2 ? 'append' : 'prepend') . " grow 0 0 997\r\n$piece");
    $grown = $n % 2 ? $grown . $piece : $piece . $grown;
}
value_is($c, 'grow', $grown, 'a value grown by 100 appends and prepends');

# Replaced by other sizes again and again
my $wrong = 0;
for my $n (1 .. 300) {
    my $value = value_of(($n * 7919) % 30011);
    $c->set('resize', $value);
    $wrong++ if $c->get('resize') ne $value;
}
is($wrong, 0, 'a value replaced 300 times by one of another size');
$server->stop;

# -I: [option, largest certainly stored, smallest certainly refused]
for my $row ([ '2m', 2_000_000, 2097152 ], [ '512k', 500_000, 524288 ], [ '3145728', 3_000_000, 3145728 ],
             [ '5m', 5_000_000, 5242880 ]) {
    my ($option, $stored, $refused) = @$row;
    my @chunks = $option eq '512k' ? ('-o', 'slab_chunk_max=256') : ();
    $server = server('-I', $option, @chunks);
    $c = $server->conn;
    is($c->stats('settings')->{item_size_max}, $refused, "-I $option: stats settings say so");
    my $value = value_of($stored);
    is($c->set('v', $value), "STORED\r\n", "-I $option stores $stored bytes");
    is($c->get('v') // '', $value, ' ... whole');
    is($c->command("append v 0 0 5\r\n12345"), "STORED\r\n", ' ... append to it');
    is($c->get('v') // '', $value . '12345', ' ... whole');
    reply_is($c, "set v 0 0 $refused\r\n" . value_of($refused) . "\r\n", $too_large,
             "-I $option refuses $refused bytes");
    reply_is($c, "get v\r\n", "END\r\n", ' ... and drops the old value');
    $server->stop;
}
done_testing;
