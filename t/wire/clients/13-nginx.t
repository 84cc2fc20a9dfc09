# nginx, which answers from the cache.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire::ClientCases;

clients_of_ok('nginx');
