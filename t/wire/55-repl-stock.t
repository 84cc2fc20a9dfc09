# A stock memcached as peer: streamed to, one way.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

# WIRE_STOCK: programs to be the peer, separated by colons.
my @programs = grep { -x } split /:/, $ENV{WIRE_STOCK} // '/usr/bin/memcached';
plan skip_all => 'no stock memcached here' unless @programs;

for my $program (@programs) {
    my $port = Wire::Server::free_port();
    my $start_peer = sub {
        my $peer = Wire::Server->spawn_program($program, Wire::Server::user_options(), '-l',
                                               '127.0.0.1', '-p', $port);
        $peer->{port} = $peer->{to} = $port;
        poll_ok { Wire::Conn->open($port) } 'the peer is started';
        return $peer;
    };
    my $peer = $start_peer->();
    my $p = $peer->conn;
    my ($version) = $p->command('version') =~ /VERSION (\S+)/;
    my $knows_e = Wire::Versions::does('meta_cas_override', $version);
    my $server = server('-x', "127.0.0.1:$port", '-o', 'repl_join_timeout=300');
    my $c = $server->conn;
    poll_ok { role_of($server) eq 'master ready' && repl_of($server)->{link_out} eq 'streaming' }
        "a peer that is memcached $version is streamed to";
    is(repl_of($server)->{dialect}, $knows_e ? 'meta' : 'classic', ' ... in words that it knows');

    my $arrives = sub {
        my ($key, $want, $name) = @_;
        local $Test::Builder::Level = $Test::Builder::Level + 1;
        my $is = sub { my $got = $p->get($key); defined $want ? defined $got && $got eq $want : !defined $got };
        poll_ok { $is->() } $name;
    };
    $c->ask("set a 7 0 3\r\nabc\r\n");
    $arrives->('a', 'abc', 'set');
    is($p->retrieve('get a')->[0]{flags}, 7, ' ... with its flags');
    is($p->cas_of('a'), $c->cas_of('a'), ' ... and its CAS value') if $knows_e;
    $c->ask("append a 0 0 1\r\nd\r\n");
    $arrives->('a', 'abcd', 'append');
    $c->ask("set n 0 0 1\r\n9\r\nincr n 1\r\n");
    $arrives->('n', '10', 'incr');
    $c->ask("touch n 500\r\n");
    poll_ok { $p->ask("mg n t\r\n") =~ /^HD t(?:500|49\d)\r\n\z/ } 'touch';
    $c->ask("set e 0 300 1\r\n1\r\n");
    poll_ok { $p->ask("mg e t\r\n") =~ /^HD t(?:300|29\d)\r\n\z/ } 'a time';
    $p->ask("set gone 0 0 1\r\n1\r\n");
    $c->ask("delete a\r\ndelete gone\r\n");
    $arrives->('a', undef, 'delete');
    $arrives->('gone', undef, 'delete of what is only there');
    $c->ask("set old 3 0 3\r\nold\r\n");
    $arrives->('old', 'old', 'a value');
    $c->ask("md old I\r\n");
    if ($knows_e) {
        poll_ok { $p->ask("mg old f v\r\n") =~ /^VA 3 f3 .*X.*\r\nold\r\n\z/ } ' ... becomes stale';
        is($p->cas_of('old'), $c->cas_of('old'), ' ... with its CAS value');
    } else {
        $arrives->('old', undef, ' ... is deleted rather than passing for fresh');
    }
    $c->ask("ms old 3\r\nnew\r\n");
    $arrives->('old', 'new', ' ... and fresh again');
    $c->ask("md old\r\nmg old N100\r\n");
    $arrives->('old', undef, 'the place of a value to come is no value');
    my $large = 'l' x 700_000;
    $c->ask("set large 0 0 700000\r\n$large\r\n");
    $arrives->('large', $large, 'a large value');
    $c->ask(join '', map { "set m$_ $_ 0 4 noreply\r\n" . sprintf('%04d', $_) . "\r\n" } 1 .. 3000);
    $arrives->('m3000', '3000', '3000 values');
    is(scalar @{ $p->retrieve('get ' . join ' ', map { "m$_" } 1 .. 3000) }, 3000, ' ... all of them');
    $c->ask("flush_all\r\n");
    $arrives->('m1', undef, 'flush_all');
    poll_ok { $c->ask("set back 0 0 1\r\n1\r\n"); defined $p->get('back') } ' ... and it goes on';
    poll_ok { repl_of($server)->{lag_ops} == 0 } 'all of it is acknowledged';
    is(repl_of($server)->{rejected}, 0);

    # One way only; and the peer's death harms nobody.
    $p->ask("set theirs 0 0 1\r\n1\r\n");
    value_is($c, 'theirs', undef, 'what is written there does not come here');
    $peer->kill_now;
    replies_are($c, [ "set k$_ 0 0 1\r\n1\r\n", "STORED\r\n" ]) for 1 .. 5;
    is(role_of($server), 'master ready', 'the peer dead, the master goes on');
    $peer = $start_peer->();
    $p = $peer->conn;
    $arrives->('k5', '1', 'the peer back, it is told again');
    $c->ask("set last 0 0 1\r\n1\r\n");
    $arrives->('last', '1', ' ... and streamed to');
    $server->stop;
    $peer->stop;
}
done_testing;
