package Differ::Compare;

# Whether two servers' replies to a case are the same: byte for byte, but for CAS values, of which it
# counts only which are the same (how many numbers a refused command uses up is nobody's business), and
# for what is allowed.

use strict;
use warnings;
use Exporter 'import';

use Differ::Pair;

our @EXPORT_OK = qw(first_difference);

my $text_cas = qr/^VALUE\ [^\ \n]+\ \d+\ \d+\ \K(\d+)(?=\r\n)
                 |^(?:VA\ \d+|HD|EX|NF|NS)\ (?:[^\n]*\ )?c\K(\d+)(?=[\ \r])
                 |^ME\ [^\n]*\ cas=\K(\d+)/xm;

use constant { HEAD_BYTES => 24, CAS_AT => 16, CAS_BYTES => 8 };

# In binary replies, as far as they are some, the CAS value (but 0) stands at the end of the head.
sub _name_binary_cas {
    my ($bytes, $names) = @_;
    my $at = 0;
    while ($at + HEAD_BYTES <= length $$bytes) {
        my ($magic, $body_bytes, $cas) = unpack 'Cx7Nx4Q>', substr $$bytes, $at, HEAD_BYTES;
        last if $magic != 0x81;
        my $name = $cas ? $names->{$cas} //= '#' . keys %$names : '';
        substr $$bytes, $at + CAS_AT, CAS_BYTES, pack 'A8', $name;
        $at += HEAD_BYTES + $body_bytes;
    }
}

# CAS values by the order in which one side told of them first; of [connection, reply] pairs.
sub _name_cas {
    my (@pairs) = @_;
    my %names;
    for my $pair (@pairs) {
        my ($connection, $reply) = @$pair;
        if ($connection =~ /^b/) {
            _name_binary_cas($reply, \%names);
        } elsif ($connection =~ /^u/ && $$reply =~ /\A\n\[\d+\]\n\x81/) {
            my $payload = substr $$reply, index($$reply, "\x81"), length $$reply, '';
            _name_binary_cas(\$payload, \%names);
            $$reply .= $payload;
        } else {
            $$reply =~ s/$text_cas/$names{ $1 \/\/ $2 \/\/ $3 } \/\/= '#' . keys %names/ge;
        }
    }
}

sub _without_common_lines {
    my (@texts) = @_;
    my @lines = map { [ split /(?<=\n)/ ] } @texts;
    my %count;
    $count{$_}++ for map { @$_ } @lines;
    return map { join '', grep { $count{$_} == 1 } @$_ } @lines;
}

# Cuts off ours what the reference did not send any more when it closed the connection.
sub _cut_lost_replies {
    my ($result, $allowed) = @_;
    my $end = Differ::Pair->CONNECTION_BROKEN;
    for my $entry (@$result) {
        my ($ours, $theirs) = map { length } @{ $entry->{replies} };
        next unless $ours > $theirs && !grep { !/\Q$end\E\z/ } @{ $entry->{replies} };
        next unless $allowed->may_lack_replies(@{$entry}{qw(connection request)});
        substr $entry->{replies}[0], $theirs - length $end, $ours - $theirs, '';
    }
}

# The first entry of what Differ::Pair's run returns whose replies differ, or nothing.
sub first_difference {
    my ($result, $allowed) = @_;
    _cut_lost_replies($result, $allowed);
    my @sides;
    for my $i (0, 1) {
        my @replies = map { $_->{replies}[$i] } @$result;
        _name_cas(map { [ $result->[$_]{connection}, \$replies[$_] ] } 0 .. $#replies);
        push @sides, \@replies;
    }
    for my $at (0 .. $#$result) {
        my ($ours, $theirs) = ($sides[0][$at], $sides[1][$at]);
        next if $ours eq $theirs;
        my $entry = $result->[$at];
        ($ours, $theirs) = $allowed->excuse(@{$entry}{qw(connection request)}, $ours, $theirs);
        next if $ours eq $theirs;
        ($ours, $theirs) = _without_common_lines($ours, $theirs) if $entry->{request} =~ /^stats(?: \(binary\))?\z/;
        return { %$entry, ours => $ours, theirs => $theirs };
    }
    return undef;
}

1;
