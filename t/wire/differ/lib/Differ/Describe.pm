package Differ::Describe;

# A step in words that patterns can be about: what stands in a binary head, and whether a datagram holds
# the whole of the value it announces, in a line before the bytes themselves (of a datagram: the payload).
#
#   binary opcode=01 extras=8 key=1 value=3 cas=0        value: what the body has besides; may be negative
#   datagram whole                                       or: cut off, none (no frame); part whole: of several
#   datagram whole spoilt                                behind a binary request comes a head that is none

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(described ends_whole);

use constant { HEAD_BYTES => 24, FRAME_BYTES => 8, END_BYTES => 2 };

my $announcement = qr/^(?:ms[ \t]+[^ \r\n]+|(?:set|add|replace|append|prepend|cas)(?:[ \t]+[^ \r\n]+){3})
                      [ \t]+[-+]?(\d+)[^\n]*\n/xm;

sub _binary {
    my ($bytes) = @_;
    my (undef, $opcode, $key, $extras, undef, undef, $body, undef, $cas) = unpack 'CCnCCnNNQ>', $bytes;
    return sprintf "binary opcode=%02x extras=%d key=%d value=%d cas=%d\n", $opcode, $extras, $key,
        $body - $key - $extras, $cas != 0;
}

sub _is_binary { my ($bytes) = @_; return length $bytes >= HEAD_BYTES && $bytes =~ /\A\x80/ }

sub _is_whole {
    my ($payload) = @_;
    if (_is_binary($payload)) {
        my ($key, $extras, $body) = unpack 'x2nCx3N', $payload;
        return $body >= $key + $extras && length $payload >= HEAD_BYTES + $body;
    }
    return 0 if $payload =~ /\A\x80/;
    while ($payload =~ /$announcement/g) {
        return 0 if length($payload) - $+[0] < ($1 & 0xffffffff) + END_BYTES;
    }
    return $payload =~ /\n\z/;
}

# Whether a binary request is followed by as much as a head that begins like none.
sub _is_spoilt {
    my ($payload) = @_;
    return 0 unless _is_binary($payload);
    substr $payload, 0, HEAD_BYTES + unpack('x8N', $payload), '' while _is_binary($payload);
    return length $payload >= HEAD_BYTES;
}

sub _datagram {
    my ($bytes) = @_;
    return "datagram none\n" if length $bytes <= FRAME_BYTES;
    my ($sequence, $total) = unpack 'x2nn', $bytes;
    my $payload = substr $bytes, FRAME_BYTES;
    return 'datagram ' . ($sequence != 0 || $total != 1 ? 'part ' : '') . (_is_whole($payload) ? 'whole' : 'cut off')
        . (_is_spoilt($payload) ? ' spoilt' : '') . "\n" . (_is_binary($payload) ? _binary($payload) : '') . $payload;
}

# name: of the connection.
sub described {
    my ($name, $bytes) = @_;
    return _datagram($bytes) if $name =~ /^u/;
    return _binary($bytes) . $bytes if $name =~ /^b/ && _is_binary($bytes);
    return $bytes;
}

# Whether these bytes end in the middle of a binary request.
sub _is_cut_off {
    my ($bytes) = @_;
    $bytes =~ s/\@cas8:[^@]*\@/12345678/g;
    my $at = 0;
    while ($at < length $bytes && substr($bytes, $at, 1) eq "\x80") {
        return 1 if length($bytes) - $at < HEAD_BYTES;
        my ($key, $extras, $body) = unpack 'x2nCx3N', substr $bytes, $at;
        last if $body < $key + $extras;
        $at += HEAD_BYTES + $body;
    }
    return $at > length $bytes;
}

# Whether no reply is awaited in the case in the middle of a binary request.
sub ends_whole {
    my ($case) = @_;
    my %stream;
    for my $step ($case->steps) {
        my ($name, $bytes, $how) = @$step;
        next unless $name =~ /^b/;
        $stream{$name} .= $bytes;
        return 0 if $how eq ':' && _is_cut_off($stream{$name});
    }
    return !grep { _is_cut_off($_) } values %stream;
}

1;
