package Differ::Case;

# A case: what is sent, step by step, over which connection; and the text form in which a case is
# printed, kept in tables/ and read again.
#
#   t0: get a\r\n          sent, and its reply awaited
#   t0+ set a 0 0 3\r\n    sent; the next step goes out without waiting for a reply
#   t0& get b\r\n          goes out in one write with the next step on this connection
#   t1: get a\r\n          another connection
#   w0: 2.5               no connection: so many seconds pass
#
# A connection is a letter and a digit: t is TCP and speaks text, b is TCP and speaks binary; u is UDP,
# every step a datagram.
# In the bytes \r \n \t \\ \xHH stand for themselves, x{N} is N times the byte x, and some things are
# filled in when the step is sent: @cas:KEY@ or @cas:KEY+N@ (also in eight binary bytes: @cas8:KEY@),
# which is what that server has for the key's CAS value; @cas+N@, a CAS value above all of earlier
# cases; and @now+N@, UNIX seconds.

use strict;
use warnings;

use constant { RUN_LENGTH_MIN => 24 };

# steps: a list of [connection, bytes, how], `how` being one of : + &.
sub new {
    my ($class, @steps) = @_;
    return bless { steps => [@steps] }, $class;
}

sub steps { return @{ $_[0]{steps} } }

# How many bytes are sent.
sub size {
    my ($self) = @_;
    my $size = 0;
    $size += length $_->[1] for $self->steps;
    return $size;
}

my %escapes = ("\r" => '\r', "\n" => '\n', "\t" => '\t', "\\" => '\\\\');

sub _escape { my ($byte) = @_; return $escapes{$byte} // sprintf '\x%02x', ord $byte }

sub bytes_to_text {
    my ($bytes) = @_;
    my $text = '';
    while ($bytes =~ /\G(.)(\1{0,32000})/gs) {
        my ($byte, $count) = ($1, 1 + length $2);
        my $shown = $byte =~ /[\x21-\x5b\x5d-\x7a\x7c\x7e ]/ ? $byte : _escape($byte);
        $text .= $count >= RUN_LENGTH_MIN ? "$shown\{$count}" : $shown x $count;
    }
    $text =~ s/\A | \z/\\x20/g;
    return $text;
}

my %bytes_of = (r => "\r", n => "\n", t => "\t", "\\" => "\\");

sub text_to_bytes {
    my ($text) = @_;
    my $bytes = '';
    while ($text =~ /\G(?:\\x([0-9a-fA-F]{2})|\\(.)|(.))(?:\{(\d+)\})?/gs) {
        my $byte = defined $1 ? chr hex $1 : defined $2 ? $bytes_of{$2} // die("no such escape: \\$2\n") : $3;
        $bytes .= $byte x ($4 // 1);
    }
    return $bytes;
}

sub to_text {
    my ($self) = @_;
    return join '', map { "$_->[0]$_->[2] " . bytes_to_text($_->[1]) . "\n" } $self->steps;
}

# The cases of a text: parted by empty lines; lines that begin with # are remarks.
sub parse {
    my ($class, $text) = @_;
    my (@cases, @steps);
    my $line_number = 0;
    for my $line (split(/\n/, $text), '') {
        $line_number++;
        if ($line eq '') {
            push @cases, $class->new(@steps) if @steps;
            @steps = ();
        } elsif ($line =~ /^([tbuw]\d)([:+&]) (.*)\z/) {
            push @steps, [ $1, text_to_bytes($3), $2 ];
        } elsif ($line !~ /^#/) {
            die "line $line_number is no step: $line\n";
        }
    }
    return @cases;
}

1;
