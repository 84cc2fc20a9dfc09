# The command line: what is told, and what is refused in a line.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $version = Wire::Server::version();

# [arguments, first line]
for my $option ('-h', '--help', '-V', '--version') {
    my $run = Wire::Server->spawn($option);
    is($run->wait_end, 0, "$option ends with status 0");
    is((split /\n/, $run->stdout)[0], "memcached $version", ' ... and says who it is');
    is($run->stderr, '', ' ... and nothing on stderr');
}
my $help = Wire::Server->spawn('-h');
$help->wait_end;
my $text = $help->stdout;
like($text, qr/^(?:-\w, +)?\Q$_\E\b/m, "-h tells of $_") for qw(--port --listen --memory-limit
    --conn-limit --threads --user --unix-socket --unix-mask --enable-shutdown --daemon --pidfile
    --disable-evictions --max-item-size --slab-growth-factor --slab-min-size --max-reqs-per-event
    --disable-cas --listen-backlog --disable-flush-all --verbose --help --version);
like($text, qr/^-p, --port=<num> +TCP port to listen on \(default: 11211/m,
     ' ... in the usual form');

# Refused: a message on stderr that names what is wrong, nothing on stdout, a status that is not 0.
my @user = Wire::Server::user_options();
my $port = Wire::Server::free_port();
my @rows = (
    [ [ '--fooble' ],            qr/fooble/ ],
    [ [ '-q' ],                  qr/q/ ],
    [ [ '-p' ],                  qr/p/,               '-p without its value' ],
    [ [ '-p', '70000' ],         qr/port.*70000/i ],
    [ [ '-c', '0' ],             qr/connections must be greater than 0/ ],
    [ [ '-c', '-1' ],            qr/connections must be greater than 0/ ],
    [ [ '-c', 'x' ],             qr/connections/ ],
    [ [ '-t', '0' ],             qr/threads must be greater than 0/ ],
    [ [ '-t', 'x' ],             qr/threads/ ],
    [ [ '-f', '1' ],             qr/Factor must be greater than 1/ ],
    [ [ '-f', '0.5' ],           qr/Factor must be greater than 1/ ],
    [ [ '-f', 'x' ],             qr/Factor/ ],
    [ [ '-n', '0' ],             qr/Chunk size must be greater than 0/ ],
    [ [ '-n', 'x' ],             qr/Chunk size/ ],
    [ [ '-R', '0' ],             qr/requests per event must be greater than 0/ ],
    [ [ '-R', 'x' ],             qr/requests per event/ ],
    [ [ '-I', '1' ],             qr/Item max size cannot be less than 1024 bytes/ ],
    [ [ '-I', '1023' ],          qr/Item max size cannot be less than 1024 bytes/ ],
    [ [ '-I', 'x' ],             qr/Item max size/ ],
    [ [ '-I', '40m' ],           qr{item size limit higher than 1/2 of memory}i ],
    [ [ '-I', '1025m', '-m', '4096' ], qr/item size limit higher than a gigabyte/i ],
    [ [ '-m', '1', '-I', '1m' ], qr{item size limit higher than 1/2 of memory}i ],
    [ [ '-l', 'no.such.host.invalid' ], qr/no\.such\.host\.invalid/ ],
    [ [ '-l', '192.0.2.1' ],     qr/192\.0\.2\.1/,    "an address that is not this machine's" ],
    [ [ '-B', 'http' ],          qr/http/ ],
    [ [ '-s', '/nonexistent/socket' ], qr{/nonexistent/socket} ],
    [ [ '-L', '-m', '38' ],      qr/-L .*memory .*must be at least/ ],
    [ [ '-o', 'fooble' ],        qr/fooble/ ],
    [ [ '-u', 'no-such-user' ],  qr/can't find the user no-such-user to switch to/ ],
);
# Numbers that are none, which memcached takes for 0.
push @rows,
    [ [ '-p', 'x' ],  qr/x/ ], [ [ '-p', '1x' ], qr/1x/ ], [ [ '-m', 'x' ], qr/x/ ],
    [ [ '-b', 'x' ],  qr/x/ ], [ [ '-a', '999' ], qr/999/ ]
    if Wire::Server::is_replicating();
for my $row (@rows) {
    my ($arguments, $message, $name) = @$row;
    my @port = grep({ $_ eq '-p' } @$arguments) ? () : ('-p', $port);
    my $run = Wire::Server->spawn(@user, '-l', '127.0.0.1', @port, @$arguments);
    $name //= "@$arguments";
    my $status = $run->wait_end;
    ok(defined $status && $status >> 8 && !($status & 127), "$name is refused")
        or diag(defined $status ? "wait status $status" : 'it runs'), $run->kill_now;
    like($run->stderr, $message, ' ... with a message that says why');
    cmp_ok(scalar(my @lines = split /\n/, $run->stderr), '<=', 2, ' ... and is short');
    is($run->stdout, '', ' ... on stderr');
}

SKIP: {
    skip 'not root', 2 if $>;
    my $run = Wire::Server->spawn('-l', '127.0.0.1', '-p', $port);
    my $status = $run->wait_end;
    ok(defined $status && $status >> 8, 'root has to name a user');
    like($run->stderr, qr/-u/, ' ... and is told so');
    like($run->stderr, qr/^must add '-u root' to start as root/, " ... in memcached's words")
        if Wire::Versions::does('names_root', Wire::Server::version());
}

# A port in use
my $server = server();
my $second = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', $server->port);
my $status = $second->wait_end;
ok(defined $status && $status >> 8, 'a port in use is refused');
like($second->stderr, qr/Address already in use/, ' ... with a message that says why');
value_is($server->conn, 'none', undef, ' ... and who has it is not disturbed');
$server->stop;

# Options that are taken. What they do is tested elsewhere, or they are for the machine. All the
# servers are told to stop at once.
my %taken;
for my $options ([ '-v' ], [ '-vv' ], [ '-vvv' ], [ '-r' ], [ '-b', '64' ], [ '-k' ], [ '-M' ], [ '-C' ],
                 [ '-F' ], [ '-A' ], [ '-U', '0' ], [ '-f', '1.05' ], [ '-f', '2' ], [ '-n', '8' ],
                 [ '-n', '512' ], [ '-m', '1024' ], [ '-I', '512k', '-o', 'slab_chunk_max=256' ],
                 [ '-B', 'auto' ], [ '-B', 'ascii' ], [ '-R', '100' ],
                 [ '--memory-limit=100', '--threads=2', '--conn-limit=100' ],
                 [ '--verbose', '--enable-shutdown', '--disable-cas', '--disable-evictions' ],
                 [ '-o', 'modern' ], [ '-o', 'maxconns_fast' ]) {
    my $name = "@$options";
  SKIP: {
        skip 'memory may not be locked here', 1 if $name eq '-k' && !may_lock();
        my $server = $taken{$name} = server(@$options);
        my $c = $server->conn;
        my $data = 'v' x 5000;
        reply_is($c, "set a 1 0 5000\r\n$data\r\nget a\r\nincr a 1\r\ndelete a\r\nfoo\r\n",
                 "STORED\r\nVALUE a 1 5000\r\n$data\r\nEND\r\n"
                     . "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n"
                     . "DELETED\r\nERROR\r\n", "it works with $name");
    }
}
$_->signal('TERM') for values %taken;
ok($taken{$_}->stop, "it ends cleanly with $_") for sort keys %taken;

# Locking all memory takes a privilege and a limit above what the server reserves; a sanitizer reserves
# more than there is.
sub may_lock {
    return 0 if Wire::Server::is_sanitized();
    open my $limits, '<', '/proc/self/limits' or return 0;
    return $> == 0 && scalar grep { /^Max locked memory\s+unlimited\s+unlimited/ } <$limits>;
}

# -vv tells of commands; none of it reaches the client.
$server = server('-vv');
reply_is($server->conn, "set talked_about 0 0 1\r\n1\r\nget talked_about\r\n",
         "STORED\r\nVALUE talked_about 0 1\r\n1\r\nEND\r\n", '-vv');
$server->stop;
like($server->stderr, qr/talked_about/, ' ... tells of the commands on stderr');
like($server->stderr, qr/^slab class   1: chunk size        96 perslab   10922$/m,
     ' ... and of the slab classes');

$server = server();
reply_is($server->conn, "get quiet\r\nnonsense\r\n", "END\r\nERROR\r\n");
$server->stop;
is($server->stderr, '', 'without -v it says nothing');

done_testing;
