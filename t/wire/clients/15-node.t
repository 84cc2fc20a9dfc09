# Node.js' clients, from the npm registry.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/../lib";
use Test::More;
use Wire::ClientCases;

clients_of_ok('node');
