package Wire::Versions;

# Where versions of memcached differ, the newest is the contract. One row names a behaviour, the
# first version that has it, and what older ones do instead; a test asks `$server->does('name')`.

use strict;
use warnings;

my %since = (
    # A burst of gets is answered from the items as they were when it was read; before, each get
    # looks its item up only when the replies of those ahead of it have been written.
    batched_gets => '1.6.19',

    # `ms`, `md`: the flag E gives the new CAS value; before, an unknown flag is refused.
    meta_cas_override => '1.6.27',
);

sub does {
    my ($what, $version) = @_;
    my $first = $since{$what} or die "no behaviour is named $what\n";
    return _number($version) >= _number($first);
}

sub _number {
    my ($version) = @_;
    my @parts = split /\./, $version;
    return $parts[0] * 1_000_000 + $parts[1] * 1_000 + $parts[2];
}

1;
