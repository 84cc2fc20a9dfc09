# Perl's Cache::Memcached: perl-cache-memcached.pl HOST PORT. It has no touch.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Cache::Memcached;
use Serve;

my $client = Cache::Memcached->new({ servers => [ "$ARGV[0]:$ARGV[1]" ], select_timeout => 5 });

# A server that could not be reached is left alone for 20 to 30 seconds, unless it is told so.
sub afresh { $client->forget_dead_hosts; return $client }

serve(
    set => sub { said(afresh()->set($_[0], $_[1], $_[2])) },
    add => sub { said(afresh()->add($_[0], $_[1], $_[2])) },
    get => sub { value(afresh()->get($_[0])) },
    mget => sub { values_of(afresh()->get_multi(@_)) },
    incr => sub { number(afresh()->incr($_[0], $_[1])) },
    decr => sub { number(afresh()->decr($_[0], $_[1])) },
    delete => sub { said(afresh()->delete($_[0])) },
);
