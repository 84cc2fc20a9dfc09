package Differ::Compare;

# Whether two servers' replies to a case are the same: byte for byte, but for CAS values, of which it
# counts only which are the same (how many numbers a refused command uses up is nobody's business), and
# for what is allowed.

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(first_difference);

my $text_cas = qr/^VALUE\ [^\ \n]+\ \d+\ \d+\ \K(\d+)(?=\r\n)
                 |^(?:VA\ \d+|HD|EX|NF|NS)\ (?:[^\n]*\ )?c\K(\d+)(?=[\ \r])
                 |^ME\ [^\n]*\ cas=\K(\d+)/xm;

# CAS values by the order in which one side told of them first.
sub _name_cas {
    my ($replies) = @_;
    my %names;
    s/$text_cas/$names{ $1 \/\/ $2 \/\/ $3 } \/\/= '#' . keys %names/ge for @$replies;
}

sub _without_common_lines {
    my (@texts) = @_;
    my @lines = map { [ split /(?<=\n)/ ] } @texts;
    my %count;
    $count{$_}++ for map { @$_ } @lines;
    return map { join '', grep { $count{$_} == 1 } @$_ } @lines;
}

# The first entry of what Differ::Pair's run returns whose replies differ, or nothing.
sub first_difference {
    my ($result, $allowed) = @_;
    my @sides;
    for my $i (0, 1) {
        my @replies = map { $_->{replies}[$i] } @$result;
        _name_cas(\@replies);
        push @sides, \@replies;
    }
    for my $at (0 .. $#$result) {
        my ($ours, $theirs) = ($sides[0][$at], $sides[1][$at]);
        next if $ours eq $theirs;
        my $entry = $result->[$at];
        ($ours, $theirs) = $allowed->excuse($entry->{request}, $ours, $theirs);
        next if $ours eq $theirs;
        ($ours, $theirs) = _without_common_lines($ours, $theirs) if $entry->{request} eq 'stats';
        return { %$entry, ours => $ours, theirs => $theirs };
    }
    return undef;
}

1;
