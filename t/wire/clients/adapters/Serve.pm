# The loop around a Perl client: lines in, lines out, as t/wire/lib/Wire/Adapter.pm describes.
package Serve;

use strict;
use warnings;
use Exporter 'import';

our @EXPORT = qw(serve said value values_of number);

sub serve {
    my (%command) = @_;
    $| = 1;
    $SIG{PIPE} = 'IGNORE';
    while (my $line = <STDIN>) {
        my ($name, @words) = split ' ', $line;
        my $reply = $command{$name} ? eval { $command{$name}->(@words) } // "error $@" : 'unsupported';
        $reply =~ s/\s+/ /g;
        print "$reply\n";
    }
}

sub said { return $_[0] ? 'ok' : 'no' }
sub value { return defined $_[0] ? "value $_[0]" : 'miss' }
sub values_of { my ($found) = @_; return join ' ', 'values', map { "$_=$found->{$_}" } keys %$found }
sub number { return defined $_[0] && $_[0] =~ /^\d/ ? 'number ' . ($_[0] + 0) : 'miss' }

1;
