package Differ::Generate;

# Cases out of a seed and a number: the same ones each time.

use strict;
use warnings;
use Differ::Case;
use Differ::Grammar;
use Differ::Grammar::Binary qw(binary_request);
use Differ::Grammar::Meta qw(meta_request);
use Differ::Grammar::Text qw(admin_request text_request);
use Differ::Grammar::Udp qw(udp_binary_request udp_text_request);

use constant {
    REQUESTS_MIN      => 5,
    REQUESTS_MAX      => 50,
    CONNECTIONS_MAX   => 3,
    VALUE_BYTES_MAX   => 100_000,          # what a fence's filler completes
    BINARY_HEAD_BYTES => 24,
    BINARY_BODY_BYTES_MAX => 60_000,
    LINE_BYTES_MAX    => 2000,             # what is longer and no line is not made one
    REFUSED_BYTES_MIN => 2_147_483_646,    # no length
};

# What both servers are started with: one worker and no threads that look after items, so that what
# they say is a matter of requests alone.
our @server_options = (qw(-m 1024 -U 0 -t 1 -o), 'no_lru_crawler,no_lru_maintainer');

sub _any_text { return chance(50) ? text_request() : meta_request() }

# Name => what makes one request on each kind of connection, and
#   options  of the servers, besides those above
#   share    of the requests of a run that names no kind; 0 if not given: not among them
#   requests how many are in a case, at least and at most
#   exptimes those that most items have
#   sizes    near which many values are
#   reference versions of it that it is for, as in `allowed`
#   passes   seconds between the first half of the requests and the second
#   without  pattern: requests that are left out
our %kinds = (
    text   => { share => 20, request => { t => \&text_request } },
    meta   => { share => 20, request => { t => \&meta_request } },
    binary => { share => 20, request => { b => \&binary_request } },
    mixed  => { share => 20, request => { t => \&_any_text } },
    across => { share => 10, request => { t => \&_any_text, b => \&binary_request }, connections_min => 2 },
    admin  => { share => 3,  request => { t => sub { chance(70) ? admin_request() : text_request() } } },
    udp    => { share => 3,  request => { u => \&udp_text_request }, options => [qw(-U free)] },
    'udp-binary' => { share => 2,  request => { u => \&udp_binary_request }, options => [qw(-U free)] },
    nocas  => { share => 2,  request => { t => \&_any_text, b => \&binary_request }, options => [qw(-C -F)] },
    expiry => { share => 1, request => { t => \&_any_text }, requests => [ 200, 400 ],
                exptimes => [ 2, 2, 2, 100, 0, -1 ], passes => 3.2, without => qr/^ *(?:me|mg.* [lt])\b/m },
    sizes  => { share => 2, request => { t => \&_any_text, b => \&binary_request },
                options => [qw(-I 16k -o slab_chunk_max=8)], reference => '>= 1.6.38',
                sizes => [ 2000, 4096, 8000, 8192, 8192, 12000, 16384 - 60, 16384, 16384, 20000 ] },
    noflush => { share => 2, request => { t => \&_any_text, b => \&binary_request }, options => ['-F'] },
);

# In this order by default.
our @usual_kinds = grep { $kinds{$_}{share} }
    qw(text meta binary mixed across expiry sizes admin udp udp-binary nocas noflush);

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

# The same of a binary request.
sub _is_endless_binary {
    my ($bytes) = @_;
    return 0 if length $bytes < BINARY_HEAD_BYTES;
    my $announced = unpack 'x8N', $bytes;
    return $announced > BINARY_BODY_BYTES_MAX && $announced > length $bytes && $announced < REFUSED_BYTES_MIN;
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

# Steps in the order in which they are sent: pieces of a request may wait while others go on.
sub _add_steps {
    my ($steps, $pending, $name, @pieces) = @_;
    _await_last($steps) if @$steps && $steps->[-1][0] ne $name && !$pending->{ $steps->[-1][0] };
    push @$steps, @pieces;
}

# The steps before are over before the next.
sub _await_last { my ($steps) = @_; $steps->[-1][2] = ':' }

# Names of connections, of the kinds that the grammar speaks.
sub _connections {
    my ($kind) = @_;
    my @letters = sort keys %{ $kind->{request} };
    my $count = chance(70) ? 1 : between(2, CONNECTIONS_MAX);
    $count = $kind->{connections_min} if $count < ($kind->{connections_min} // 1);
    return map { $letters[ ($_ + @letters * 9) % @letters ] . $_ } 0 .. $count - 1 if chance(50);
    return map { $letters[ -1 - $_ % @letters ] . $_ } 0 .. $count - 1;
}

# Whether the request can be sent here; `last` is what stands before it in the same write.
sub _is_fit {
    my ($bytes, $letter, $last, $allowed, $has_large) = @_;
    return 0 if $letter eq 'u' && $allowed->is_alone($letter, $bytes);
    return 0 if $letter ne 'b' && $bytes =~ ($has_large ? qr/k{251}/ : qr/[^\n]{10000}/);
    return 0 if $letter eq 't' && $bytes =~ /\A\x80/;
    return 0 if $letter eq 'b' ? _is_endless_binary($bytes) : _is_endless($bytes);
    return $allowed->may_send($letter, $bytes) && ($last eq '' || $allowed->may_send($letter, $last . $bytes));
}

# The case of this number, and how many requests it holds.
sub make_case {
    my ($kind_name, $seed, $number, $allowed) = @_;
    my $kind = $kinds{$kind_name} or die "there is no grammar named $kind_name\n";
    srand(($seed * 1_000_003 + $number) % 4_294_967_291);
    my @connections = _connections($kind);
    my $how_much = { wait => pick(5, 20, 60, 100), split => pick(0, 0, 5, 40),
                     spoil => pick((0) x 12, 3, 20) };
    my $is_interleaved = @connections > 1 && !$kind->{passes} && chance(50);
    # what was begun is not taken back if a key turns out too long behind a large value
    my $has_large = $kind->{sizes} || chance(5);
    my (@steps, $requests, %pending, %last);
    local @Differ::Grammar::sizes = @{ $kind->{sizes} // [] };
    local @Differ::Grammar::exptimes = @{ $kind->{exptimes} // [] };
    my $left = between(@{ $kind->{requests} // [ REQUESTS_MIN, REQUESTS_MAX ] });
    my $half = $kind->{passes} ? int($left / 2) : -1;
    while ($left > 0 || %pending) {
        my $name = $left > 0 ? pick(@connections) : (sort keys %pending)[0];
        if ($pending{$name}) {
            _add_steps(\@steps, \%pending, $name, shift @{ $pending{$name} });
            delete $pending{$name} unless @{ $pending{$name} };
            next;
        }
        if ($left-- == $half && !%pending) {
            _await_last(\@steps) if @steps;
            push @steps, [ 'w0', $kind->{passes}, ':' ];
            %last = ();
        }
        my $letter = substr $name, 0, 1;
        my $bytes = $kind->{request}{$letter}->();
        $bytes = _spoil($bytes) if $letter ne 'u' && $bytes !~ /\@/ && length $bytes < LINE_BYTES_MAX
            && chance($how_much->{spoil});
        next if $kind->{without} && $bytes =~ $kind->{without};
        next if %pending && $bytes =~ /\@cas/;    # for which all others would be awaited
        next if !_is_fit($bytes, $letter, $last{$name} // '', $allowed, $has_large);
        $requests++;
        my $how = chance($how_much->{wait}) ? ':' : chance(80) ? '&' : '+';
        $how = ':' if $is_interleaved || $letter eq 'u' || $allowed->is_alone($name, $bytes);
        _await_last(\@steps) if @steps && $allowed->is_alone($name, $bytes) && !$pending{ $steps[-1][0] };
        my @pieces = $letter ne 'u' && $bytes !~ /\@cas8/ && chance($how_much->{split}) ? _split($name, $bytes, $how) : [ $name, $bytes, $how ];
        $last{$name} = $how eq ':' ? '' : ($last{$name} // '') . $bytes;
        if ($is_interleaved && @pieces > 1 && $bytes !~ /\@cas/) {
            _add_steps(\@steps, \%pending, $name, shift @pieces);
            $pending{$name} = \@pieces;
        } else {
            _add_steps(\@steps, \%pending, $name, @pieces);
        }
    }
    return (Differ::Case->new(@steps), $requests // 0);
}

1;
