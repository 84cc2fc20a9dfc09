# The script that Debian ships with memcached: what it shows, and a dump that is played back.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire;
use Wire::Client;

my $tool = '/usr/share/memcached/scripts/memcached-tool';
need_ok('memcached-tool', 'memcached', 'test', '-r', $tool);
my $server = server();
my $at = '127.0.0.1:' . $server->port;
my $c = $server->conn;

sub tool_says {
    my (@arguments) = @_;
    my ($status, $said) = run_client('perl', $tool, $at, @arguments);
    is($status, 0, "@arguments ends well") or diag($said);
    return $said;
}

my %value = map { ("key:$_" => 'v' x ($_ * 61)) } 1 .. 100;
$value{'odd%20key'} = '1';
my @failed = grep { $c->set($_, $value{$_}) ne "STORED\r\n" } sort keys %value;
is_deeply(\@failed, [], 'items of many sizes, and a key with a per cent sign');

my $display = tool_says('display');
my %items = map { /^\s*(\d+)\s+[\d.]+[BKM]\s+\d+s\s+\d+\s+(\d+)\s+no\s/ ? ($1, $2) : () } split /\n/,
    $display;
my $sum = 0;
$sum += $_ for values %items;
is($sum, scalar keys %value, 'display: all items in their classes') or diag($display);
like($display, qr/^\s*1\s+96B\s/m, ' ... the smallest of 96 bytes');

my $stats = tool_says('stats');
like($stats, qr/^\s+curr_items\s+101\s*$/m, 'stats: curr_items');
like($stats, qr/^\s+version\s+\Q@{[ $server->version ]}\E\s*$/m, 'stats: version');
my $settings = tool_says('settings');
like($settings, qr/^\s+maxbytes\s+67108864\s*$/m, 'settings: maxbytes');
like(tool_says('sizes'), qr/sizes_status\s+disabled/, 'sizes: not asked for at the start');

my $dump;
poll_ok {
    my ($status, $said) = run_client('sh', '-c', "perl '$tool' $at dump 2>/dev/null");
    $dump = $said;
    $status == 0 && (() = $said =~ /^add /mg) == keys %value;
} 'dump: all items';
my %dumped;
while ($dump =~ /\Gadd (\S+) 0 \d+ (\d+)\r?\n/gc) {
    my ($key, $bytes) = ($1, $2);
    $dumped{$key} = substr $dump, pos $dump, $bytes;
    pos($dump) += $bytes;
    last unless $dump =~ /\G\r?\n/gc;
}
is_deeply(\%dumped, \%value, ' ... with their values');

my $other = server();
my $d = $other->conn;
is($d->put($dump . "mn\r\n"), length($dump) + 4, 'the dump is played back to another server');
is($d->take_past("MN\r\n"), "STORED\r\n" x keys(%value) . "MN\r\n", ' ... which stores all of it');
is_deeply({ map { $_ => $d->get($_) } keys %value }, \%value, ' ... as it was');
$server->stop;
$other->stop;
done_testing;
