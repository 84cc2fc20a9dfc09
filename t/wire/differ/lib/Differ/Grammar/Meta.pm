package Differ::Grammar::Meta;

# Meta commands with any of their flags, fitting or not.

use strict;
use warnings;
use Exporter 'import';
use MIME::Base64 qw(encode_base64);
use Differ::Grammar;
use Differ::Grammar::Text qw(data_block);

use constant LINE_BYTES_MAX => 2000;

our @EXPORT_OK = qw(meta_request);

# That of the command's own key, one that is too high, or too low: the numbers themselves differ
# between servers, and the flag I compares.
sub cas_token {
    return weighted(60, '@cas:?@', 15, '@cas:?+1000000000000000@', 15, 1, 5, 0,
                    5, sub { pick('', 'x', '-1', '+1', '18446744073709551615', '18446744073709551616') });
}

# Of each flag that takes a token: the token.
my %tokens = (
    C => \&cas_token,
    D => \&number,
    E => sub { weighted(80, sub { '@cas+' . between(1, 999) . '@' }, 10, sub { pick('', 'x', '-1') }) },
    F => \&client_flags,
    J => \&number,
    N => \&exptime,
    R => sub { weighted(50, sub { pick(0, 10, 30, 60, 1000, -1) }, 20, sub { number() }) },
    T => \&exptime,
    O => sub { weighted(80, sub { between(0, 9999) }, 5, '', 5, sub { 'o' x between(30, 34) }, 5, sub { pick('*', "\xff", 'a=b') }) },
    L => sub { pick('x', '/a', '') },
    P => sub { pick('x', '5', '') },
    S => sub { number() },
);

my %usual = (
    mg => [ qw(b c f h k l q s t u v v v O T N R E x) ],
    ms => [ qw(b c k q s O C E F F I T M M x) ],
    md => [ qw(b k q O C E I T x) ],
    ma => [ qw(b c k q t v v O C E N N J D T M M) ],
    me => [ qw(b) ],
);
my %modes = (ms => [qw(E A P R S e a p r s)], ma => [qw(I D + - i d)], mg => ['E'], md => ['E'], me => ['E']);
my @any = ('a' .. 'z', 'A' .. 'Z', '!', '0', "\xff", '=');

sub _flag {
    my ($verb, $letter) = @_;
    my $token = '';
    if ($letter eq 'M') {
        $token = now_and_then(pick(@{ $modes{$verb} }), 6, '', 'X', 'SS', 'set', '0', ' ');
    } elsif ($tokens{$letter}) {
        $token = chance(96) ? $tokens{$letter}->() : pick('', 'x');
    } elsif (chance(1.5)) {
        $token = pick('0', 'x', '1');
    }
    return "$letter$token";
}

sub flags {
    my ($verb) = @_;
    my $count = weighted(15, 0, 25, 1, 25, 2, 15, 3, 10, 4, 9, sub { between(5, 9) }, 1, sub { between(10, 30) });
    my (%seen, @flags);
    for (1 .. $count) {
        my $letter = chance(97.5) ? pick(@{ $usual{$verb} }) : pick(@any);
        next if $seen{$letter}++ && chance(97);
        push @flags, _flag($verb, $letter);
    }
    return @flags;
}

my @coded_keys = ("\0", "a b", "\r\n", 'coded', "k\xff", 'coded too');

# The key; in base64 when the flags say so (mostly), and then one that is never said otherwise.
sub _meta_key {
    my (@flags) = @_;
    return key() if !(grep { $_ eq 'b' } @flags) || chance(5);
    my $key = chance(90) ? pick(@coded_keys)
        : pick('B' x 186, 'B' x 187, 'B' x 188, 'B' x 250, 'B' x 251, 'B' x between(1, 60));
    my $coded = encode_base64($key, '');
    substr $coded, rand length $coded, 1, pick('', '=', '!', 'A') if chance(4);
    return $coded;
}

sub meta_request {
    my $verb = weighted(35, 'mg', 30, 'ms', 12, 'md', 15, 'ma', 3, 'me', 5, 'mn');
    return 'mn' . now_and_then('', 10, ' ', ' x', ' q', ' k O5') . line_end() if $verb eq 'mn';
    my @flags = flags($verb);
    my ($length, $block) = $verb eq 'ms' ? data_block(value()) : (undef, '');
    my $key = _meta_key(@flags);
    s/\@cas:\?(?:\+\d+)?\@/1/ for $key =~ /\A[a-z]\w*\z/ ? () : @flags;
    s/\@cas:\?/\@cas:$key/ for @flags;
    my @words = ($key, defined $length ? $length : ());
    splice @words, rand @words, 1 if chance(1) && "@flags" !~ /\@/;
    return "ms a $length F1\r\n$block" if length $block > LINE_BYTES_MAX;
    my $line = $verb . join('', map { (/\@/ ? ' ' : space()) . $_ } @words, @flags) . line_end();
    return $line . $block;
}

1;
