# A pair with -Y: each node logs in at the other as the first user of its own file.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $dir = Wire::Server::dir();
my @files = ("$dir/users.0", "$dir/users.1");

sub write_users {
    my ($number, @users) = @_;
    open my $out, '>', $files[$number] or die "$files[$number]: $!";
    print $out "$_\n" for @users;
    close $out or die "$files[$number]: $!";
}

# Which file a node reads follows from its number, which Wire::Pair does not tell: a link for both.
sub start_with {
    my ($pair, $number, @options) = @_;
    local $pair->{options} = [ @{ $pair->{options} }, @options ];
    return $pair->start($number);
}

Wire::Conn->log_in_as('app secret');
write_users(0, 'node:zero', 'app:secret');
write_users(1, 'app:secret', 'node:zero');
my $pair = Wire::Pair->not_started('-o', 'repl_join_timeout=300');
start_with($pair, $_, '-Y', $files[$_]) for 0, 1;
$pair->whole_ok('a pair whose nodes know each other\'s first user');
set_ok($pair->master->conn, 'a', 'kept', 3);
$pair->agree_ok([ 'a' ], ' ... replicates');
value_is($_->conn, 'login', undef, ' ... and holds no password') for $pair->nodes;
is($pair->node($_)->conn->stats->{auth_errors}, 0, " ... node $_ refused nobody") for 0, 1;

# A stranger at the right address
my $server = $pair->master;
Wire::Conn->log_in_as(undef);
my $hello = "repl hello 1 00000000000000aa master ready 1 any 99999999999999999\r\n";
my $nobody = "CLIENT_ERROR unauthenticated\r\n";
my $c = $server->conn;
$c->put($hello . "repl begin\r\nmd a E99999999999999999 q\r\nmn\r\n");
is($c->take(4 * length $nobody), $nobody x 4, 'a hello without a login is not listened to');
Wire::Conn->log_in_as('app secret');
value_is($server->conn, 'a', 'kept', ' ... nor is what follows');

# The passwords change: a link that is up stays, a new one logs in as what the file says then.
my ($slave) = grep { $_ != $pair->master_number } 0, 1;
write_users($slave, 'node:one', 'app:secret');
$pair->node($slave)->signal('HUP');
Wire::Conn->log_in_as(undef);
poll_ok { $pair->node($slave)->conn->log_in('node one') eq "STORED\r\n" } 'the file is read again';
Wire::Conn->log_in_as('app secret');
$pair->node(1 - $slave)->kill_now;
start_with($pair, 1 - $slave, '-Y', $files[ 1 - $slave ]);
poll_ok { $pair->node($slave)->stderr =~ /the peer does not know the first user/ }
    'a node whose user the peer does not know says so';
poll_ok { ($pair->node($slave)->conn->stats('repl')->{link_out} // '') ne 'streaming' } ' ... and has no link';
write_users(1 - $slave, 'app:secret', 'node:one');
$pair->node(1 - $slave)->signal('HUP');
$pair->whole_ok('until it does');
value_is($pair->master->conn, 'a', 'kept', ' ... and what was kept is there');
$pair->stop;

# One node asks for a password, the other does not: it is not told one.
$pair = Wire::Pair->not_started('-o', 'repl_join_timeout=300');
start_with($pair, 0, '-Y', $files[0]);
Wire::Conn->log_in_as(undef);
start_with($pair, 1);
my $open = $pair->node(1);
poll_ok { ($open->conn->stats('repl')->{link_in} // '') eq 'up' } 'a node without -Y lets the other in';
poll_ok { $open->conn->stats('repl')->{last_error_time} > 0 } ' ... but is not let in itself';
value_is($open->conn, 'login', undef, ' ... and holds no password');
$_->signal('TERM') for $pair->nodes;
$_->stop for $pair->nodes;
done_testing;
