package Differ::Generate;

# Cases out of a seed and a number: the same ones each time.

use strict;
use warnings;
use Differ::Case;
use Differ::Grammar;
use Differ::Grammar::Meta qw(meta_request);
use Differ::Grammar::Text qw(admin_request text_request);

use constant {
    REQUESTS_MIN      => 5,
    REQUESTS_MAX      => 50,
    CONNECTIONS_MAX   => 3,
    VALUE_BYTES_MAX   => 100_000,          # what a fence's filler completes
    LINE_BYTES_MAX    => 2000,             # what is longer and no line is not made one
    REFUSED_BYTES_MIN => 2_147_483_646,    # no length
};

# Name => what makes one request, and the kind of connection that speaks it.
our %kinds = (
    text  => { letter => 't', request => \&text_request },
    meta  => { letter => 't', request => \&meta_request },
    admin => { letter => 't', request => sub { weighted(70, \&admin_request, 30, \&text_request) } },
    mixed => { letter => 't', request => sub { weighted(50, \&text_request, 50, \&meta_request) } },
);

# One byte or a few of it changed, left out, doubled or put in.
sub _spoil {
    my ($bytes) = @_;
    for (1 .. between(1, 3)) {
        my $at = between(0, length $bytes);
        my $odd = pick("\0", "\r", "\n", ' ', "\t", "\x80", '0', '9', '-', 'q', 'b', chr between(0, 255));
        substr $bytes, $at, between(0, 1), pick('', $odd, $odd);
    }
    return $bytes;
}

# Whether it announces a value that a server would wait for longer than anybody can.
sub _is_endless {
    my ($bytes) = @_;
    while ($bytes =~ /(?:ms\s+[^ \r\n]+|(?:set|add|replace|append|prepend|cas)(?:\s+[^ \r\n]+){3})\s+\+?(?:(\d+)|\@)/g) {
        return 1 if !defined $1;
        my $announced = $1 & 0xffffffff;
        return 1 if $announced > VALUE_BYTES_MAX && $announced < REFUSED_BYTES_MIN && $1 > length $bytes;
    }
    return 0;
}

# A request in pieces, each of them a write.
sub _split {
    my ($name, $bytes, $how) = @_;
    my @steps;
    for (1 .. between(1, 3)) {
        last if length $bytes < 2;
        my $cut = between(1, length($bytes) - 1);
        push @steps, [ $name, substr($bytes, 0, $cut, ''), '+' ];
    }
    return (@steps, [ $name, $bytes, $how ]);
}

# The case of this number, and how many requests it holds.
sub make_case {
    my ($kind_name, $seed, $number, $allowed) = @_;
    my $kind = $kinds{$kind_name} or die "there is no grammar named $kind_name\n";
    srand(($seed * 1_000_003 + $number) % 4_294_967_291);
    my $connections = chance(70) ? 1 : between(2, CONNECTIONS_MAX);
    my $how_much = { wait => pick(5, 20, 60, 100), split => pick(0, 0, 5, 40),
                     spoil => pick((0) x 12, 3, 20) };
    # what was begun is not taken back if a key turns out too long behind a large value
    my $has_large = chance(5);
    my (@steps, $requests);
    for (1 .. between(REQUESTS_MIN, REQUESTS_MAX)) {
        my $bytes = $kind->{request}->();
        $bytes = _spoil($bytes) if $bytes !~ /\@/ && length $bytes < LINE_BYTES_MAX && chance($how_much->{spoil});
        next if $bytes =~ ($has_large ? qr/k{251}/ : qr/[^\n]{10000}/);
        next if $bytes =~ /\A\x80/ && $kind->{letter} eq 't';
        next if _is_endless($bytes) || !$allowed->may_send($bytes);
        $requests++;
        my $name = $kind->{letter} . between(0, $connections - 1);
        my $how = chance($how_much->{wait}) ? ':' : chance(80) ? '&' : '+';
        _await_last(\@steps) if @steps && ($allowed->is_alone($bytes) || $steps[-1][0] ne $name);
        $how = ':' if $allowed->is_alone($bytes);
        my @pieces = chance($how_much->{split}) ? _split($name, $bytes, $how) : [ $name, $bytes, $how ];
        push @steps, @pieces;
    }
    return (Differ::Case->new(@steps), $requests // 0);
}

# The steps before are over before the next.
sub _await_last { my ($steps) = @_; $steps->[-1][2] = ':' }

1;
