package Differ::Worker;

# Runs cases against a pair of servers; a difference is repeated, made small and described.

use strict;
use warnings;
use Time::HiRes qw(sleep);
use Differ::Case;
use Differ::Compare qw(first_difference);
use Differ::Describe qw(ends_whole);
use Differ::Pair;
use Differ::Shrink;

use constant { SHOWN_BEFORE => 60, SHOWN_BYTES => 240, OTHER_TIME => 0.27, REPEATS => 3 };

# programs: [ours, reference]; what is allowed; options of the servers.
sub new {
    my ($class, $programs, $allowed, @options) = @_;
    my $self = bless { allowed => $allowed, pair => Differ::Pair->new($programs, @options),
                       failures => [], seen => {}, unrepeated => [] }, $class;
    $self->{pair}->start;
    return $self;
}

# The first difference that the case shows, or nothing. A server that ended is started again.
sub difference {
    my ($self, $case) = @_;
    my $difference = first_difference($self->{pair}->run($case), $self->{allowed});
    if (!$self->{pair}->is_alive) {
        my $complaint = $self->{pair}->restart;
        $difference->{ended} = $complaint || 'one of the servers ended' if $difference;
    }
    return $difference;
}

# The same, of what is no accident: it has to show twice.
sub shows_difference {
    my ($self, $case, $allowed) = @_;
    local $self->{allowed} = $allowed;
    return $self->difference($case) && $self->difference($case);
}

# Runs the case; notes a failure if the two differ. Returns false then.
sub check {
    my ($self, $case, $origin) = @_;
    my $difference = $self->difference($case) or return 1;
    if (!$self->_repeats($case)) {
        $self->{pair}->restart;
        if (!$self->_repeats($case)) {
            push @{ $self->{unrepeated} },
                $self->_describe(Differ::Case->new, $difference, $origin);
            return 1;
        }
    }
    my $is_whole = ends_whole($case);
    my $small = Differ::Shrink->new($case, sub { $self->_still_differs($_[0], $is_whole) })->shrink;
    $self->{pair}->restart;
    my $last = $self->difference($small);
    my $text = $self->_describe($small, $last // $difference, $origin);
    $text .= "# ... after what went before only: on fresh servers there is no difference\n" unless $last;
    push @{ $self->{failures} }, $text unless $self->{seen}{ _kind_of($small, $last) }++;
    return 0;
}

# If it is one of clocks that tick one after the other, it is gone at another time.
sub _repeats {
    my ($self, $case) = @_;
    for (1 .. REPEATS) {
        sleep OTHER_TIME;
        return 0 unless $self->difference($case);
    }
    return 1;
}

# A smaller case stays clear of what is not sent, or not in a pipeline, and of requests cut off.
sub _still_differs {
    my ($self, $case, $is_whole) = @_;
    return 0 if $is_whole && !ends_whole($case);
    my $is_settled = 1;
    for my $step ($case->steps) {
        return 0 unless $self->{allowed}->may_send(@$step[ 0, 1 ]);
        return 0 if !$is_settled && $self->{allowed}->is_alone(@$step[ 0, 1 ]);
        $is_settled = $step->[2] eq ':';
    }
    return defined $self->difference($case);
}

# Differences that look alike are told once.
sub _kind_of {
    my ($case, $difference) = @_;
    my ($request) = $difference ? $difference->{request} =~ /\A(\S*)/ : ('');
    my $kind = join ' ', $request, map { $difference ? _excerpt($difference->{$_}, 0) : '' } qw(ours theirs);
    $kind =~ s/\d+/N/g;
    return $kind;
}

sub _excerpt {
    my ($bytes, $from) = @_;
    return '(nothing)' unless length $bytes;
    my $text = Differ::Case::bytes_to_text(substr $bytes, $from, SHOWN_BYTES);
    $text = '...' . $text if $from > 0;
    $text .= '...' if length $bytes > $from + SHOWN_BYTES;
    return $text;
}

sub _describe {
    my ($self, $case, $difference, $origin) = @_;
    my ($ours, $theirs) = @{$difference}{qw(ours theirs)};
    ($ours ^ $theirs) =~ /\A\0*/;
    my $from = $+[0] > SHOWN_BEFORE ? $+[0] - SHOWN_BEFORE : 0;
    my $text = "# $origin\n" . $case->to_text;
    $text .= "# to: " . _excerpt($difference->{request}, 0) . "\n";
    $text .= "#   ours:      " . _excerpt($ours, $from) . "\n";
    $text .= "#   reference: " . _excerpt($theirs, $from) . "\n";
    $text .= "# $difference->{ended}\n" if $difference->{ended};
    return $text;
}

sub failures { return @{ $_[0]{failures} } }
sub unrepeated { return @{ $_[0]{unrepeated} } }

# Ends the servers; what is wrong with how ours ended is a failure.
sub finish {
    my ($self) = @_;
    my $complaint = $self->{pair}->stop;
    push @{ $self->{failures} }, "# the server: $complaint\n" if $complaint;
}

1;
