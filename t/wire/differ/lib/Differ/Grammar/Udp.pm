package Differ::Grammar::Udp;

# Datagrams: text and binary requests in a frame, mostly one that is right.

use strict;
use warnings;
use Exporter 'import';
use Differ::Grammar;
use Differ::Grammar::Binary qw(binary_request);
use Differ::Grammar::Meta qw(meta_request);
use Differ::Grammar::Text qw(text_request);

our @EXPORT_OK = qw(udp_binary_request udp_text_request);

use constant { DATAGRAM_BYTES_MAX => 60_000 };

sub _text { return join '', map { chance(50) ? text_request() : meta_request() } 1 .. weighted(70, 1, 20, 2, 10, sub { between(3, 9) }) }

sub udp_text_request { return _frame(\&_text) }
sub udp_binary_request { return _frame(\&binary_request) }

# What `make` makes, in a datagram.
sub _frame {
    my ($make) = @_;
    my $payload;
    do {
        $payload = $make->();
    } while length $payload > DATAGRAM_BYTES_MAX;
    my ($sequence, $total, $reserved) = (0, 1, 0);
    weighted(
        92, sub { },
        2,  sub { ($sequence, $total) = (pick(1, 65535), pick(1, 2)) },
        2,  sub { $total = pick(0, 2, 65535) },
        2,  sub { $reserved = pick(1, 65535) },
        1,  sub { $payload = '' },
        1,  sub { $payload = substr $payload, 0, between(0, 3) },
    );
    my $frame = pack('nnnn', between(0, 65535), $sequence, $total, $reserved) . $payload;
    return chance(1) ? substr $frame, 0, between(0, 9) : $frame;
}

1;
