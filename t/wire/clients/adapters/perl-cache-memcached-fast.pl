# Perl's Cache::Memcached::Fast: perl-cache-memcached-fast.pl HOST PORT
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Cache::Memcached::Fast;
use Serve;

my $client = Cache::Memcached::Fast->new({ servers => [ "$ARGV[0]:$ARGV[1]" ],
                                           connect_timeout => 1, io_timeout => 5 });
serve(
    set => sub { said($client->set($_[0], $_[1], $_[2])) },
    add => sub { said($client->add($_[0], $_[1], $_[2])) },
    get => sub { value($client->get($_[0])) },
    mget => sub { values_of($client->get_multi(@_)) },
    touch => sub { said($client->touch($_[0], $_[1])) },
    incr => sub { number($client->incr($_[0], $_[1])) },
    decr => sub { number($client->decr($_[0], $_[1])) },
    delete => sub { said($client->delete($_[0])) },
);
