package Differ::Grammar::Text;

# Classic text: one request, right or wrong, as bytes that leave nothing outstanding (mostly: a data
# block that is shorter than announced is filled up by what stands behind it).

use strict;
use warnings;
use Exporter 'import';
use Differ::Grammar;

use constant LINE_BYTES_MAX => 2000;

our @EXPORT_OK = qw(text_request admin_request data_block);

sub noreply { return chance(88) ? '' : ' ' . now_and_then('noreply', 12, 'noreplyx', 'NOREPLY', '0', 'noreply noreply', 'x') }

# A length that a server does not wait for in vain.
sub _length {
    my $number = number();
    return $number =~ /\A\d{5,}\z/ && $number < 2_147_483_646 ? between(0, 99) : $number;
}

# [announced length, the block with what fills it up]
sub data_block {
    my ($value) = @_;
    my $length = length $value;
    return ($length, "$value\r\n") if chance(94) || $length > LINE_BYTES_MAX;
    my $short = between(1, 12);
    return weighted(
        20, sub { ($length + $short, "$value\r\n" . "\r\n" x (($short + 3) / 2 + 1)) },
        10, sub { ($length + $short, "$value\r\n" . "get a\r\nget b\r\n" x 2) },
        25, sub { ($length > 0 ? between(0, $length - 1) : 0, "$value\r\n") },
        10, sub { ($length, $value . pick("\n", "\rx\n", "xx\r\n", "\n\n", "x\r\n", "\n\r\n") . "\r\n") },
        10, sub { (_length(), '') },
        15, sub { (pick(-1, -2, -$length, '', 'x', 2147483647, 2147483646, 4294967295, 4294967296), "$value\r\n") },
    );
}

sub _words { return join '', map { ($_ eq '' ? '' : /\@/ ? ' ' : space()) . $_ } @_ }

sub _storage {
    my ($verb) = @_;
    my $is_wrong = chance(2);
    my ($length, $block) = data_block($is_wrong ? between(0, 999) : value());
    my @words = (key(), client_flags(), exptime(), $length);
    push @words, cas_number() if $verb eq 'cas';
    if ($is_wrong) {
        my $at = between(0, $#words);
        splice @words, $at, chance(50) ? 1 : 0, pick('', 'x', 'noreply', 0);
    }
    # a large block that is refused would be a line too long
    return join(' ', $verb, pick(qw(a b)), 0, 0, $length, $verb eq 'cas' ? 0 : ()) . "\r\n$block"
        if length $block > LINE_BYTES_MAX;
    return $verb . _words(@words) . noreply() . line_end() . $block;
}

sub cas_number {
    my $key = pick(qw(a b c d n m));
    return weighted(60, "\@cas:$key@", 10, "\@cas:$key+1000000000000000@", 10, 1, 5, 0,
                    10, sub { pick('', 'x', '-1', '-5', '+1', '18446744073709551615', '18446744073709551616') });
}

sub _keys {
    my $count = weighted(60, 1, 20, 2, 10, sub { between(3, 6) }, 6, sub { between(7, 30) }, 2, 0, 1, sub { between(31, 120) });
    return map { key() } 1 .. $count;
}

sub text_request {
    return weighted(
        22, sub { _storage('set') },
        7,  sub { _storage('add') },
        5,  sub { _storage('replace') },
        5,  sub { _storage('append') },
        5,  sub { _storage('prepend') },
        7,  sub { _storage('cas') },
        16, sub { 'get' . _words(_keys()) . line_end() },
        9,  sub { 'gets' . _words(_keys()) . line_end() },
        8,  sub { pick('incr', 'decr') . _words(pick('n', 'm', key()), number()) . noreply() . line_end() },
        6,  sub { 'delete' . _words(key()) . now_and_then(noreply(), 8, ' 0', ' 0 noreply', ' 5', ' -1', ' x') . line_end() },
        5,  sub { 'touch' . _words(key(), exptime()) . noreply() . line_end() },
        4,  sub { 'gat' . _words(exptime(), _keys()) . line_end() },
        3,  sub { 'gats' . _words(exptime(), _keys()) . line_end() },
        3,  \&odd_request,
        2,  \&control_request,
    );
}

# A line that is no command, or a command of the wrong shape.
sub odd_request {
    my $verb = pick(qw(bget get gets gat gats set add replace append prepend cas incr decr delete touch
                       GET Set foo mn mg ms md ma me quitx version verbosity config));
    return weighted(
        20, sub { $verb . line_end() },
        15, sub { join(space(), $verb, map { key() } 1 .. between(1, 3)) . line_end() },
        10, sub { join(' ', $verb, map { number() } 1 .. between(1, 9)) . "\r\n" },
        10, sub { line_end() },
        10, sub { ' ' x between(1, 5) . "get a\r\n" },
        5,  sub { "get" . ' ' x between(1, 3000) . "a\r\n" },
        5,  sub { 'x' x between(1, 1500) . "\r\n" },
        5,  sub { join('', map { pick("\0", "\t", "\r", ' ', 'get', 'a', 'set', '1') } 1 .. 6) . "\r\n" },
        5,  sub { "get a" . ' ' x between(1, 20) . "\r\n" },
        1,  sub { "quit" . now_and_then('', 30, ' x', ' noreply') . "\r\n" },
    );
}

sub control_request {
    return weighted(
        20, sub { 'flush_all' . now_and_then('', 50, ' ' . exptime(), ' ' . number(), ' x', ' -1', ' 0', ' -100', ' 0 0', ' @now-10@') . noreply() . line_end() },
        10, sub { 'verbosity' . now_and_then(' 0', 40, '', ' x', ' 0 0', ' 0 0 0', ' -1') . noreply() . line_end() },
        8,  sub { 'version' . now_and_then('', 30, ' x', ' noreply', ' 1 2 3') . line_end() },
        6,  sub { 'mn' . now_and_then('', 30, ' x', ' q', ' O1') . line_end() },
    );
}

sub admin_request {
    return weighted(
        20, \&control_request,
        5,  sub { 'stats ' . pick('bogus', 'noreply', 'reset x', 'detail', 'detail x', 'cachedump', 'cachedump 1', 'cachedump x 1', 'cachedump 1 x', 'cachedump 64 1', 'cachedump 200 1', 'cachedump -1 1') . line_end() },
        3,  sub { 'shutdown' . pick('', ' graceful', ' x', ' graceful x') . line_end() },
        5,  sub { 'cache_memlimit' . pick('', ' x', ' 0', ' 1', ' 7', ' -1', ' 1024', ' 4294967296', ' 1024 x') . noreply() . line_end() },
        5,  sub { 'slabs' . pick('', ' x', ' automove', ' automove x', ' automove 3', ' automove -1', ' automove 0', ' reassign', ' reassign 1', ' reassign x y', ' reassign 0 0', ' reassign 1 1', ' reassign 99 1', ' reassign 1 99', ' reassign 1 2 3') . noreply() . line_end() },
        5,  sub { 'lru' . pick('', ' x', ' mode', ' mode x', ' tune', ' tune 1', ' tune x y z w', ' tune 10 25 0.1 2.0', ' tune 90 90 1 1', ' temp_ttl', ' temp_ttl x', ' temp_ttl -1', ' mode segmented') . noreply() . line_end() },
        5,  sub { 'lru_crawler' . pick('', ' x', ' sleep', ' sleep x', ' sleep 100', ' sleep -1', ' sleep 1000001', ' tocrawl', ' tocrawl x', ' tocrawl 0', ' enable', ' crawl', ' crawl x', ' crawl 0', ' crawl 99', ' metadump', ' metadump x', ' mgdump') . line_end() },
        3,  sub { pick('misbehave', 'debugtime 1', 'debugitem lock a', 'config get cluster', 'bget a', 'verify', 'proxy', 'mcp') . line_end() },
    );
}

1;
