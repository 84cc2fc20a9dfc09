package Differ::Allowed;

# The differences that are allowed, from the file `allowed`: one paragraph each, `name: value` lines.
#
#   name       of the difference
#   reference  `any`, or the versions of the reference that have it: `< 1.6.27`
#   request    pattern: of the requests that may show it
#   reply      pattern: what in both replies to such a request is not compared; or
#   lost       pattern: of what closes the connection, on which the reference may lack the last replies
#   avoid      pattern: requests that are not sent at all, since what they leave behind differs
#   alone      pattern: requests that are sent by themselves, not in a pipeline
#   options    of the servers that the probe is tried on
#   probe      a case in one line (steps parted by ` | `) that shows the difference: one that does
#              not show it any more is an error
#   reason     why it is allowed
#
# A value goes on in the next line after some blanks. What patterns of requests are matched with is what
# Differ::Describe makes of them.

use strict;
use warnings;
use Differ::Case;
use Differ::Describe qw(described);

my %fields = map { $_ => 1 } qw(name reference request reply lost avoid alone options probe reason);

sub read_file {
    my ($class, $path, $reference_version) = @_;
    open my $in, '<', $path or die "$path: $!\n";
    my $text = do { local $/; <$in> };
    $text =~ s/^#.*\n//mg;
    my @rules = map { _rule($_, $path) } grep { /\S/ } split /\n\s*\n/, $text;
    return bless { rules => [ grep { is_for($_->{reference}, $reference_version) } @rules ] },
        $class;
}

# All but this one.
sub without {
    my ($self, $rule) = @_;
    return bless { rules => [ grep { $_ != $rule } $self->rules ] }, ref $self;
}

sub _rule {
    my ($paragraph, $path) = @_;
    $paragraph =~ s/\n[ \t]+/ /g;
    my %rule;
    for my $line (split /\n/, $paragraph) {
        next unless $line =~ /\S/;
        my ($field, $value) = $line =~ /^(\w+):\s+(.*\S)/ or die "$path: what is this? $line\n";
        die "$path: there is no field $field\n" unless $fields{$field};
        $rule{$field} = $value;
    }
    for my $field (qw(name reference probe reason)) {
        die "$path: no $field: $paragraph\n" unless $rule{$field};
    }
    die "$path: $rule{name}: avoid, alone, lost, or request and reply\n"
        unless 1 == grep { defined } @rule{qw(avoid alone lost reply)};
    $rule{$_} = qr/$rule{$_}/m for grep { $rule{$_} } qw(request reply lost avoid alone);
    my @steps = split / \| /, $rule{probe};
    ($rule{probe}) = Differ::Case->parse(join "\n", @steps);
    $rule{uses} = 0;
    return \%rule;
}

sub _number { my @parts = split /\./, $_[0]; return $parts[0] * 1e6 + $parts[1] * 1e3 + $parts[2] }

# Whether these versions include this one.
sub is_for {
    my ($wanted, $version) = @_;
    return 1 if $wanted eq 'any';
    my ($relation, $bound) = $wanted =~ /^(<|>=) (\d+\.\d+\.\d+)\z/ or die "which versions: $wanted\n";
    return $relation eq '<' ? _number($version) < _number($bound)
        : _number($version) >= _number($bound);
}

sub rules { return @{ $_[0]{rules} } }

# Whether these bytes may be sent at all, on the connection of this name.
sub may_send {
    my ($self, $name, $bytes) = @_;
    my $described = described($name, $bytes);
    for my $rule (@{ $self->{rules} }) {
        return 0 if $rule->{avoid} && $described =~ $rule->{avoid};
    }
    return 1;
}

# Whether these bytes may be no part of a pipeline.
sub is_alone {
    my ($self, $name, $bytes) = @_;
    my $described = described($name, $bytes);
    return scalar grep { $_->{alone} && $described =~ $_->{alone} } @{ $self->{rules} };
}

# Whether the reference may have closed the connection without the last replies to these bytes.
sub may_lack_replies {
    my ($self, $name, $bytes) = @_;
    my $described = described($name, $bytes);
    return scalar grep { $_->{lost} && $described =~ $_->{lost} } $self->rules;
}

# Two replies that differ, without what is allowed to, to these bytes on the connection of this name.
sub excuse {
    my ($self, $name, $bytes, @replies) = @_;
    my $request = described($name, $bytes);
    for my $rule (@{ $self->{rules} }) {
        next unless $rule->{reply} && $request =~ $rule->{request};
        $_ =~ s/$rule->{reply}//g for @replies;
        last if $replies[0] eq $replies[1];
    }
    return @replies;
}

1;
