package Differ::Grammar::Binary;

# Binary requests: every opcode, quiet or not, with the extras it wants and with others, and heads that
# say of the lengths what is not so.

use strict;
use warnings;
use Exporter 'import';
use Differ::Grammar;

our @EXPORT_OK = qw(binary_request);

use constant { OPCODE_MAX => 0x28 };

# Opcode => the extras that it wants.
my %extras_of = (
    (map { $_ => \&_store_extras } 0x01 .. 0x03, 0x11 .. 0x13),
    (map { $_ => \&_arith_extras } 0x05, 0x06, 0x15, 0x16),
    (map { $_ => sub { _exptime() } } 0x1c, 0x1d, 0x1e, 0x23, 0x24),
    (map { $_ => sub { chance(50) ? '' : pack 'N', pick(0, 0, 100, 1000) } } 0x08, 0x18),
    0x1b => sub { pack 'N', pick(0, 0, 1, 0xffffffff) },
);
my %has_value = map { $_ => 1 } 0x01 .. 0x03, 0x0e, 0x0f, 0x11 .. 0x13, 0x19, 0x1a, 0x21, 0x22;
my %has_key = map { $_ => 1 } 0x00 .. 0x06, 0x09, 0x0c .. 0x16, 0x19, 0x1a, 0x1c .. 0x1e, 0x21 .. 0x24;

sub _flags { return chance(60) ? 0 : pick(1, 7, 0xdeadbeef, 0xffffffff, 0x7fffffff) }

# Exptimes have no sign here: 0xffffffff is far away.
sub _exptime { return pack 'N', chance(60) ? 0 : pick(60, 100, 2592000, 2592001, 1000000000, 0x7fffffff, 0x80000000, 0xffffffff) }

sub _store_extras { return pack('N', _flags()) . _exptime() }

sub _amount {
    return pack 'Q>', chance(60) ? between(0, 120)
        : pick(0, 255, 256, 4294967295, 4294967296, 9223372036854775807, 9223372036854775808, 18446744073709551615);
}

sub _arith_extras {
    return _amount() . _amount() . (chance(30) ? pack 'N', 0xffffffff : _exptime());
}

sub _opcode {
    return weighted(
        14, 0x00, 3, 0x09, 4, 0x0c, 4, 0x0d,
        12, 0x01, 5, 0x11, 4, 0x02, 2, 0x12, 4, 0x03, 2, 0x13,
        3,  0x0e, 1, 0x19, 3, 0x0f, 1, 0x1a,
        5,  0x05, 2, 0x15, 5, 0x06, 2, 0x16,
        4,  0x04, 2, 0x14, 3, 0x1c, 3, 0x1d, 2, 0x1e, 2, 0x23, 1, 0x24,
        1,  0x0a, 0.5, 0x0b, 0.6, 0x08, 0.3, 0x18, 0.2, 0x07, 0.2, 0x17, 0.5, 0x1b,
        0.7, 0x10, 0.2, 0x20, 0.2, 0x21, 0.2, 0x22, 0.5, 0x1f, 0.5, sub { between(0x25, OPCODE_MAX) },
        0.5, sub { between(0, 0xff) },
    );
}

sub _cas {
    my ($key) = @_;
    return pack 'Q>', 0 if chance(75);
    return "\@cas8:$key\@" if chance(60) && $key =~ /\A\w{1,20}\z/;
    return pack 'Q>', pick(1, 2, 1 << 63, 0xffffffff, 18446744073709551615);
}

sub _stat_key { return pick(qw(bogus detail cachedump noreply x), 'reset x', 'items x', 'k' x 250) }

# A request; its head may lie about key, extras and body as far as there are bytes for it.
sub binary_request {
    my $opcode = _opcode();
    my $key = $opcode == 0x10 ? _stat_key() : $has_key{$opcode} || chance(1) ? key() : '';
    $key = 'k' if $key eq '' && $has_key{$opcode} && chance(80);
    my $extras = $extras_of{$opcode} ? $extras_of{$opcode}->() : '';
    my $value = $has_value{$opcode} || chance(1) ? value() : '';
    my ($key_bytes, $extras_bytes) = (length $key, length $extras);
    my ($magic, $type, $bucket) = (0x80, 0, 0);
    my $more = '';
    if (chance(3)) {
        weighted(
            30, sub { $extras .= 'x' x between(1, 9); $extras_bytes = length $extras },
            20, sub { $extras = substr $extras, 0, between(0, length $extras); $extras_bytes = length $extras },
            10, sub { $key_bytes = pick(0, 1, 249, 250, 251, 300, 65535) },
            10, sub { $extras_bytes = pick(0, 1, 4, 8, 20, 24, 255) },
            10, sub { $more = 'm' x between(1, 40) },
            5,  sub { $type = pick(1, 255) },
            5,  sub { $bucket = pick(1, 65535) },
            1,  sub { $magic = pick(0x81, 0x00, 0x67, 0xff, 0x0a) },
        );
    }
    my $body_bytes = length($extras) + length($key) + length($value) + length $more;
    $body_bytes = between(0, $body_bytes) if chance(0.5);
    return pack('CCnCCnNN', $magic, $opcode, $key_bytes, $extras_bytes, $type, $bucket, $body_bytes,
                chance(50) ? 0 : between(0, 0xfdffffff)) . _cas($key) . "$extras$key$value$more";
}

1;
