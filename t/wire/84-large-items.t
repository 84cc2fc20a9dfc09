# Items of a hundred megabytes: all that can be done with them, by each protocol, in bounded memory
# and without anybody else having to wait.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;

my $megabyte = 1 << 20;
my $limit = 240;

# No two megabytes of it are the same.
sub value_of {
    my ($megabytes) = @_;
    return join '', map { pack('N', $_) . chr(ord('a') + $_ % 26) x ($megabyte - 4) } 1 .. $megabytes;
}

# Resident memory in megabytes; undef where it is not known.
sub resident {
    my ($server) = @_;
    return undef if Wire::Server::is_sanitized();
    open my $file, '<', '/proc/' . $server->pid . '/status' or return undef;
    my ($kilobytes) = map { /^VmRSS:\s+(\d+)/ ? $1 : () } <$file>;
    return $kilobytes / 1024;
}

sub is_bounded {
    my ($server, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $resident = resident($server);
    SKIP: {
        skip 'resident memory is not known', 1 unless defined $resident;
        cmp_ok($resident, '<', $limit + 40, "$name: $resident MB are resident");
    }
}

# A comparison that does not print a hundred megabytes.
sub same_ok {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(defined $got && $got eq $want, $name)
        or diag(defined $got ? length($got) . ' bytes' : 'nothing');
}

my $server = server('-m', $limit, '-I', '120m', '-t', 2);
my $c = $server->conn;
my $value = value_of(100);
my $bytes = length $value;
my $too_large = "SERVER_ERROR object too large for cache\r\n";

# ---- text ----

is($c->set('k', $value), "STORED\r\n", 'set');
same_ok($c->get('k'), $value, '100 MB come back');
is_bounded($server, 'set and get');
is($c->command("append k 0 0 5\r\n-more"), "STORED\r\n", 'append');
is($c->command("prepend k 0 0 5\r\nmore-"), "STORED\r\n", 'prepend');
same_ok($c->get('k'), "more-$value-more", ' ... both come back');
is($c->command('incr k 1'), "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n", 'incr');
is($c->command('touch k 100'), "TOUCHED\r\n", 'touch');
like($c->command('mg k t s'), qr/^HD t(?:100|9\d) s@{[$bytes + 10]}\r\n\z/, ' ... it has the time');
is_bounded($server, 'append and prepend');

is($c->set('k', 'x' x (121 * $megabyte)), $too_large, '121 MB are too large');
value_is($c, 'k', undef, ' ... all of it is swallowed, and the old value gone');
cmp_ok($c->stats->{bytes}, '<', $megabyte, ' ... and so is its memory');

# ---- meta ----

is($c->command("ms m $bytes F5\r\n$value"), "HD\r\n", 'ms');
is($c->command("ms m 4 MA\r\ntail"), "HD\r\n", ' ... in append mode');
$c->put("mg m v f\r\n");
is($c->line, 'VA ' . ($bytes + 4) . " f5\r\n", 'mg');
same_ok($c->take($bytes + 6), "${value}tail\r\n", ' ... the value');
like($c->command('ma m'), qr/^CLIENT_ERROR /, 'ma');
is($c->command('md m'), "HD\r\n", 'md');
is_bounded($server, 'meta');

# ---- binary ----

my $b = $server->conn;
binary_is($b, ask(set => 'b', STORE, $value), 'set:', 'binary set');
$b->put(ask(get => 'b'));
my ($replies) = replies_of($b->take(24 + 4 + $bytes));
same_ok($replies->[0]{value}, $value, 'binary get');
binary_is($b, ask(append => 'b', '', 'tail'), 'append:', 'binary append');
like($c->command('mg b s'), qr/^HD s@{[$bytes + 4]}\r\n\z/, ' ... it is longer');
binary_is($b, ask(incr => 'b', by(1)), 'incr: not a number "Non-numeric server-side value for incr or decr"');
binary_is($b, ask(delete => 'b'), 'delete:', 'binary delete');
is_bounded($server, 'binary');

# ---- what is announced, and what is given up ----

$c->put(join '', map { "set small$_ 0 0 1000 noreply\r\n" . 's' x 1000 . "\r\n" } 1 .. 20_000);
is($c->stats->{curr_items}, 20_000, 'many small items');
my @halves = map { $server->conn } 1 .. 6;
$_->put("set half 0 0 $bytes\r\n" . 'h' x 1000) for @halves;
is($c->stats->{curr_items}, 20_000, 'what is only announced costs no item');
$_->put(substr $value, 0, 20 * $megabyte) for @halves;
is($c->get('small20000'), 's' x 1000, 'halfway through all of them others are served');
is_bounded($server, 'six values under way');
$_->close for @halves;
poll_ok { $c->stats->{curr_connections} <= 4 } 'they are given up';
value_is($c, 'half', undef, ' ... nothing is stored');
is($c->set("again$_", $value), "STORED\r\n", ' ... their memory is had again') for 1 .. 4;
same_ok($c->get('again4'), $value, ' ... and holds what it is told to');
is_bounded($server, 'afterwards');
$server->stop;

# ---- no memory for the rest ----

$server = server('-m', 64, '-I', '30m', '-M');
$c = $server->conn;
my $third = 25 * $megabyte;
is($c->set("k$_", substr $value, 0, $third), "STORED\r\n") for 1 .. 2;
like($c->set('k3', substr $value, 0, $third),
     qr/^SERVER_ERROR (?:out of memory storing object|Out of memory during read)\r\n\z/,
     'memory that runs out halfway');
value_is($c, 'k3', undef, ' ... nothing is stored, and the rest swallowed');
is($c->set('k4', 'old'), "STORED\r\n");
my $refusal = $c->set('k4', substr $value, 0, $third);
is($c->get('k4'), $refusal =~ /during read/ ? 'old' : undef,
   ' ... an old value stays if some of the new one was taken in');
is($c->command('delete k1'), "DELETED\r\n");
is($c->set('k3', substr $value, 0, $third), "STORED\r\n", ' ... there is room as soon as others leave it');
same_ok($c->get('k3'), substr($value, 0, $third), ' ... for all of it');
$server->stop;

done_testing;
