# -x and what belongs to it: options, roles of a lone node, stats repl, the state file.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Pair;

my $help = Wire::Server::told('-h');
like($help, qr/^-x, --replication-peer=<host\[:port\]>/m, '-h tells of -x');
like($help, qr/\Q$_\E/, " ... and of $_") for qw(repl_log_mb repl_join_timeout repl_heartbeat
    repl_timeout repl_state_file);
my @user = Wire::Server::user_options();
my $port = Wire::Server::free_port();
my $other = Wire::Server::free_port();

# Refused
for my $row (
    [ [ '-x' ],                      qr/x/,        '-x without a peer' ],
    [ [ '-x', '' ],                  qr/-x|peer/,  '-x with an empty peer' ],
    [ [ '-x', '127.0.0.1:99999' ],   qr/99999/ ],
    [ [ '-x', '127.0.0.1:x' ],       qr/127\.0\.0\.1:x/ ],
    [ [ '-x', '127.0.0.1:0' ],       qr/127\.0\.0\.1:0/ ],
    [ [ '-x', ':11211' ],            qr/:11211/ ],
    [ [ '-x', '[::1' ],              qr/\[::1/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_log_mb=0' ],       qr/repl_log_mb/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_log_mb=x' ],       qr/repl_log_mb/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_join_timeout=1' ],      qr/repl_join_timeout/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_heartbeat=x' ], qr/repl_heartbeat/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_timeout=' ],    qr/repl_timeout/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_fooble=1' ],       qr/repl_fooble/ ],
    [ [ '-x', "127.0.0.1:$other", '-o', 'repl_state_file=/nonexistent/state' ],
      qr{/nonexistent/state} ],
    [ [ '-x', "127.0.0.1:$other", '-p', 0 ], qr/-p 0/, '-x without a port of its own' ],
    [ [ '-x', "127.0.0.1:$other", '-s', Wire::Server::dir() . '/socket' ], qr/-s/,
      '-x on a unix socket' ],
    [ [ '-x', "127.0.0.1:$other", '-C' ], qr/-C/, '-x without CAS' ],
) {
    my ($arguments, $message, $name) = @$row;
    my $run = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', $port, @$arguments);
    my $status = $run->wait_end;
    ok(defined $status && $status >> 8 && !($status & 127), ($name // "@$arguments") . ' is refused')
        or $run->kill_now;
    like($run->stderr, $message, ' ... with a message that says why');
    cmp_ok(scalar(my @lines = split /\n/, $run->stderr), '<=', 2, ' ... and is short');
}

# Without -x
my $server = server();
my $c = $server->conn;
like($c->ask("repl role\r\n"), qr/^(?:ERROR|CLIENT_ERROR [^\r]+)\r\n\z/, 'without -x: no repl command');
is(scalar(grep { /repl/ } keys %{ $c->stats }), 0, ' ... and nothing of it in `stats`');
like($c->ask("repl hello 1 1 slave joining 0 none 1\r\n"), qr/^(?:ERROR|CLIENT_ERROR [^\r]+)\r\n\z/,
     ' ... and no peer is welcome');
value_is($server->conn, 'none', undef);
$server->stop;

# -x naming the server itself, and a peer whose -x names another: both are told once, and serve.
{
    my $own = Wire::Server::free_port();
    my $self = Wire::Server->start_at($own, '-x', "127.0.0.1:$own", '-o', 'repl_join_timeout=100');
    poll_ok { $self->stderr =~ /\(-x\) is this server itself/ } 'a node that dials itself says so';
    poll_ok { repl_of($self)->{dials} >= 4 } ' ... it goes on trying';
    is(() = $self->stderr =~ /this server itself/g, 1, ' ... and does not go on saying');
    poll_ok { role_of($self) eq 'master ready' } ' ... and is the master of what it has';
    $self->stop;

    my $elsewhere = server('-x', '127.0.0.77:1', '-o', 'repl_join_timeout=100');
    my $lonely = server('-x', '127.0.0.1:' . $elsewhere->port, '-o', 'repl_join_timeout=100');
    poll_ok { $lonely->stderr =~ /\(-x\) does not take this node: CLIENT_ERROR this address/ }
        'a node that its peer refuses says why';
    poll_ok { repl_of($lonely)->{refusals} >= 2 } ' ... it is counted';
    unlike($lonely->stderr, qr/connected|closed/, ' ... and is no link that comes and goes');
    $_->stop for $lonely, $elsewhere;
}

# A peer that is not there: it starts, serves, becomes master.
for my $peer ("127.0.0.1:$other", '127.0.0.1', "[::1]:$other", "localhost:$other") {
    my $state = Wire::Server::dir() . '/state';
    unlink $state;
    my $server = server('-x', $peer, '-o', "repl_join_timeout=200,repl_state_file=$state");
    my $c = $server->conn;
    like($c->command('repl role'), qr/^ROLE (?:slave joining|master ready) \d+\r\n\z/,
         "-x $peer: starts");
    poll_ok { role_of($server) eq 'master ready' } ' ... and becomes master of an empty cache';
    poll_ok { open my $in, '<', $state or return 0; (<$in> // '') =~ /^0\s*\z/ }
        ' ... the state file says ready';
    replies_are($c,
        [ "set a 1 0 1\r\n1\r\nget a\r\n", "STORED\r\nVALUE a 1 1\r\n1\r\nEND\r\n", ' ... it serves' ],
        [ "repl demote\r\n",  "OK\r\n" ],
    );
    reply_like($c, "repl $_\r\n", qr/^CLIENT_ERROR [^\r]+\r\n\z/) for '', 'fooble', 'role x';
    $server->stop;
    open my $in, '<', $state;
    like(<$in> // '', qr/^254\s*\z/, ' ... the state file says fault when it has ended');
}

# A name that means nothing is refused; where no name server answers, it is tried again and again.
{
    my $run = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', $port, '-x', 'no.such.host.invalid',
        '-o', 'repl_join_timeout=200');
    my $status;
    poll_ok {
        $status = $run->wait_end(0);
        return defined $status || $run->stderr =~ /no\.such\.host\.invalid .*again/;
    } 'a name that does not resolve: ends, or goes on trying';
    if (defined $status) {
        ok($status >> 8, ' ... with an error');
        is($run->stderr, "cannot replicate (-x): there is no host named no.such.host.invalid:"
            . " correct -x, or give an address\n", ' ... and one line that says why');
    } else {
        pass(' ... and says so');
        ok(!defined $run->wait_end(0), ' ... and does not end');
        $run->kill_now;
    }
}

# stats repl
$server = server('-x', "127.0.0.1:$other", '-o', 'repl_join_timeout=100');
$c = $server->conn;
poll_ok { role_of($server) eq 'master ready' } 'a lone master';
my $stats = $c->stats('repl');
my @fields = qw(product_version node_id role state promoted_version complete_for peer peer_addresses
    peer_id peer_role peer_state link_out link_in full_syncs_out full_syncs_in partial_resyncs_out
    partial_resyncs_in reconnects timeouts last_error_time version log_entries log_bytes
    log_limit_bytes log_overflows sent_ops sent_bytes acked_ops lag_ops lag_bytes lag_ms
    sync_out_items sync_out_percent sync_in_items sync_in_percent applied ignored_older rejected
    refused_hellos);
is(join(' ', grep { !defined $stats->{$_} } @fields), '', 'no field of `stats repl` is missing');
is(join(' ', grep { $stats->{$_} !~ /^\S+\z/ } keys %$stats), '', 'every value is one word');
is($stats->{role}, 'master');
is($stats->{state}, 'ready');
is($stats->{peer}, "127.0.0.1:$other");
is($stats->{link_in}, 'down');
is(scalar(grep { /repl/ } keys %{ $c->stats }), 0, '`stats` has nothing of it');
my ($cas, $next) = map { $c->ask("set a 0 0 1\r\n1\r\n"); $c->cas_of('a') } 1, 2;
cmp_ok($next, '>', $cas, 'CAS values grow');
cmp_ok($cas, '>', (time - 100) * 1000, ' ... and are versions of the clock');
$server->stop;
done_testing;
