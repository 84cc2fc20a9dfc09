package Differ::Grammar;

# What the grammars of the protocols share: chance, and the words that commands are made of. All
# chance comes from Perl's generator, which the caller seeds.

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(chance pick weighted between key value exptime number client_flags space line_end
                 now_and_then);

sub chance { my ($percent) = @_; return rand 100 < $percent }
sub pick { return $_[ rand @_ ] }
sub between { my ($low, $high) = @_; return $low + int rand($high - $low + 1) }

# One of the words, mostly the first.
sub now_and_then { my ($usual, $percent, @others) = @_; return chance($percent) ? pick(@others) : $usual }

# One of a list of (weight, choice) pairs; a code reference is called.
sub weighted {
    my (@table) = @_;
    my $sum = 0;
    for (my $i = 0; $i < @table; $i += 2) { $sum += $table[$i] }
    my $at = rand $sum;
    for (my $i = 0; $i < @table; $i += 2) {
        next if ($at -= $table[$i]) >= 0;
        return ref $table[ $i + 1 ] eq 'CODE' ? $table[ $i + 1 ]->() : $table[ $i + 1 ];
    }
    return $table[-1];
}

my @keys = qw(a b c d n m);

sub key {
    return pick(@keys) if chance(90);
    return weighted(
        30, sub { 'k' x 250 },
        15, sub { 'k' x 251 },
        5,  sub { 'k' x between(252, 400) },
        15, sub { pick(@keys) . between(0, 99) },
        10, sub { pick("a\tb", "\x01", "\xff\xfe", "a\x7f", 'A', "a\x0bb", '0', '-', '*', '{a}', "\xc3\xa9") },
        10, sub { pick(qw(noreply get END 0 10 ~)) },
        10, sub { join '', map { chr between(0x21, 0x7e) } 1 .. between(1, 60) },
        5,  sub { '' },
    );
}

my @numbers = qw(0 1 2 9 10 99 100 255 256 65535 65536 2147483647 2147483648 4294967295 4294967296
                 9223372036854775807 9223372036854775808 18446744073709551614 18446744073709551615);
my @no_numbers = ('-1', '-0', '+1', '007', '0x10', '1e3', '1.5', '5x', 'x', '18446744073709551616',
                  '99999999999999999999', '-9223372036854775808', '-9223372036854775809', '-2', '--1',
                  "1\t", "\t1", "0000000000000000000000001", '00', '-');

sub number {
    return between(0, 20) if chance(60);
    return chance(65) ? pick(@numbers) : pick(@no_numbers);
}

sub client_flags { return chance(60) ? 0 : number() }

# What most exptimes are, if any.
our @exptimes;

# Nothing that would end in the next minute, but for those.
sub exptime {
    return pick(@exptimes) if @exptimes && chance(90);
    return 0 if chance(60);
    return weighted(
        20, sub { pick(60, 100, 1000, 2591999, 2592000) },
        15, sub { pick(-1, -1, -2, -100, -2147483648) },
        10, sub { pick('@now+100@', '@now+1000000@') },
        8,  sub { pick('@now-100@', '@now-5@', 2592001, 1000000000) },
        8,  sub { pick(2147483647, 2147483648, 4294967295, 4294967296, '9999999999') },
        8,  sub { number() },
    );
}

my @value_sizes = (0, 1, 2, 3, 5, 8, 10, 19, 20, 21, 30, 31, 32, 33, 40, 46, 47, 48, 49, 60, 70, 100, 200,
                   500, 1000, 1023, 1024, 1025, 1900);

sub _text {
    my ($size) = @_;
    return chance(60) ? 'v' x $size : join '', map { chr between(0x20, 0x7e) } 1 .. $size;
}

# Sizes near which many values are, if any.
our @sizes;

sub value {
    return _text(pick(@sizes) + between(-80, 80)) if @sizes && chance(30);
    return weighted(
        35, sub { between(0, 120) },
        10, sub { pick(@numbers) },
        5,  sub { pick(@no_numbers, ' 5', '5 ', '12345678901234567890', '123456789012345678901', '99 ') },
        30, sub { _text(between(0, 40)) },
        10, sub { _text(pick(@value_sizes)) },
        4,  sub { join '', map { chr between(0, 255) } 1 .. between(3, 30) },
        1,  sub { join '', map { pick('1', '9', '0', ' ', "\0", '-', '+', "\t") } 1 .. between(2, 6) },
        2,  sub { pick("1\r\n", "\ra", "x\n", "a\r\nb", "get a\r\n", "\0", "END\r\n") },
        0.3, sub { 'v' x between(17_000, 70_000) },
    );
}

sub space { return now_and_then(' ', 2, '  ', '   ', "\t", '') }
sub line_end { return now_and_then("\r\n", 6, "\n", "\n", "\n", " \r\n", "\r\r\n", "\0\r\n", "\t\r\n") }

1;
