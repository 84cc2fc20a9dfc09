package Differ::Shrink;

# A smaller case that still fails: fewer steps, fewer pieces, fewer connections, fewer words, shorter
# values; as long as attempts and time are left.

use strict;
use warnings;
use Time::HiRes qw(time);
use Differ::Case;

use constant { ATTEMPTS_MAX => 600, SECONDS_MAX => 30, WAITING_SECONDS_MAX => 300 };

# fails: a function of a case, true while the smaller one shows what the larger one did.
sub new {
    my ($class, $case, $fails) = @_;
    my $seconds = grep({ $_->[0] =~ /^w/ } $case->steps) ? WAITING_SECONDS_MAX : SECONDS_MAX;
    return bless { case => $case, fails => $fails, left => ATTEMPTS_MAX, end => time + $seconds }, $class;
}

# The smallest case found.
sub shrink {
    my ($self) = @_;
    my $before;
    do {
        $before = $self->{case}->to_text;
        $self->_drop_steps;
        $self->_simplify_steps;
        $self->_shorten_steps;
    } while ($self->{case}->to_text ne $before && $self->{left} > 0 && time < $self->{end});
    return $self->{case};
}

# Takes over these steps if they still fail.
sub _try {
    my ($self, @steps) = @_;
    return 0 if $self->{left} <= 0 || !@steps || time > $self->{end};
    my $smaller = Differ::Case->new(@steps);
    return 0 if $smaller->to_text eq $self->{case}->to_text;
    $self->{left}--;
    return 0 unless $self->{fails}->($smaller);
    $self->{case} = $smaller;
    return 1;
}

# Runs of steps, long ones first.
sub _drop_steps {
    my ($self) = @_;
    for (my $run = int(@{ $self->{case}{steps} } / 2) || 1; $run >= 1; $run = int($run / 2)) {
        my $at = 0;
        while ($at < @{ $self->{case}{steps} }) {
            my @steps = $self->{case}->steps;
            splice @steps, $at, $run;
            $at += $run unless $self->_try(@steps);
        }
    }
}

# The same steps, sent in a plainer way: awaited, in one piece, on one connection.
sub _simplify_steps {
    my ($self) = @_;
    my @steps = $self->{case}->steps;
    my ($first) = map { substr $_->[0], 0, 1 } @steps;
    $self->_try(map { [ substr($_->[0], 0, 1) . '0', @$_[ 1, 2 ] ] } @steps);
    $self->_try(map { [ @$_[ 0, 1 ], ':' ] } $self->{case}->steps);
    for my $at (0 .. $#steps) {
        my @changed = $self->{case}->steps;
        last if $at > $#changed;
        my ($name, $bytes, $how) = @{ $changed[$at] };
        next if $how eq ':';
        next if $self->_try(@changed[ 0 .. $at - 1 ], [ $name, $bytes, ':' ],
                            @changed[ $at + 1 .. $#changed ]);
        my $next = $changed[ $at + 1 ] or next;
        next unless $next->[0] eq $name && $how eq '+';
        $self->_try(@changed[ 0 .. $at - 1 ], [ $name, $bytes . $next->[1], $next->[2] ],
                    @changed[ $at + 2 .. $#changed ]);
    }
}

# Ways to say a request shorter.
sub _shorter {
    my ($bytes) = @_;
    my @shorter;
    my ($line, $rest) = $bytes =~ /\A([^\n]*\n)(.*)\z/s ? ($1, $2) : ($bytes, '');
    if ($line =~ /^((?:set|add|replace|append|prepend|cas) \S+ \S+ \S+|ms \S+) (\d+)([^\n]*\n)/
        && $2 > 1 && length $rest == $2 + 2) {
        push @shorter, "$1 1${3}1\r\n";
        push @shorter, "$1 " . int($2 / 2) . $3 . substr($rest, 0, $2 / 2) . "\r\n";
    }
    my @words = split /( +)/, $line;
    for (my $at = 2; $at < @words; $at += 2) {
        my @fewer = @words;
        splice @fewer, $at - 1, 2;
        my $ends = $line =~ /\n\z/ && $fewer[-1] !~ /\n\z/ ? "\r\n" : '';
        push @shorter, join('', @fewer) . $ends . $rest;
    }
    push @shorter, $line if length $rest;
    my @rest_lines = split /(?<=\n)/, $rest;
    push @shorter, $line . join('', @rest_lines[ 0 .. $#rest_lines - 1 ]) if @rest_lines > 1;
    while ($bytes =~ /([^\0-\x20])\1{7,32000}/g) {
        my ($from, $length) = ($-[0], $+[0] - $-[0]);
        for my $less (int($length / 2), 1) {
            my $copy = $bytes;
            substr $copy, $from, $less, '';
            push @shorter, $copy;
        }
    }
    return @shorter;
}

sub _shorten_steps {
    my ($self) = @_;
    for (my $at = 0; $at < @{ $self->{case}{steps} }; $at++) {
        my $is_shorter = 1;
        while ($is_shorter) {
            my @steps = $self->{case}->steps;
            last if $at >= @steps;
            my ($name, $bytes, $how) = @{ $steps[$at] };
            $is_shorter = 0;
            for my $shorter (_shorter($bytes)) {
                $steps[$at] = [ $name, $shorter, $how ];
                last if $is_shorter = $self->_try(@steps);
            }
        }
    }
}

1;
