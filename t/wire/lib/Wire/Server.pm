package Wire::Server;

# A running server: started on a free port, awaited, stopped and reaped; what it leaves behind on
# stderr and in its exit status decides whether the test passes.

use strict;
use warnings;
use Cwd qw(abs_path);
use Errno qw(EINTR);
use File::Basename qw(dirname);
use File::Temp;
use IO::Socket::IP;
use IO::Socket::UNIX;
use POSIX qw(:sys_wait_h);
use Socket qw(SOCK_DGRAM);
use Test::More;
use Time::HiRes qw(time sleep);
use Wire::Conn;
use Wire::Udp;
use Wire::Versions;

# Seconds after which something awaited counts as not happening.
my $timeout;
sub timeout { return $timeout //= $ENV{WIRE_TIMEOUT} || (is_sanitized() ? 60 : 10) }

my %running;    # pid => server, of those not reaped yet

# The program under test.
my $program;
sub program {
    return $program if $program;
    my $tree = dirname(__FILE__) . '/../../../..';
    my @places = $ENV{MEMCACHED} ? ($ENV{MEMCACHED})
        : map { "$_/memcached/memcached" } grep { defined } $ENV{top_builddir}, $tree, '.';
    for my $place (@places) {
        next unless -x $place && !-d $place;
        return $program = abs_path($place);
    }
    BAIL_OUT("no server to test at @places");
}

# Whether it is built with a sanitizer: slower, and with an address space of its own kind.
my $sanitized;
sub is_sanitized {
    return $sanitized //= _slurp(program()) =~ /__(?:asan|tsan|ubsan|msan)_/ ? 1 : 0;
}

# A TCP port that nobody listens on at this moment, and that no other script beside this one is given:
# a name in the abstract namespace stands for it as long as this script runs.
my @claims;
sub free_port {
    my ($host) = @_;
    for (1 .. 100) {
        my $sock = IO::Socket::IP->new(LocalHost => $host // '127.0.0.1', LocalPort => 0,
                                       Proto => 'tcp', Listen => 1) or die "no free port: $!";
        my $port = $sock->sockport;
        $sock->close;
        my $claim = IO::Socket::UNIX->new(Local => "\0memcached-test-port-$port", Listen => 1) or next;
        push @claims, $claim;
        return $port;
    }
    die "no free port: others have them all\n";
}

# A port that nobody has, neither for TCP nor for UDP, at this moment.
sub free_udp_port {
    while (1) {
        my $port = free_port();
        my $sock = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => $port,
                                       Type => SOCK_DGRAM) or next;
        $sock->close;
        return $port;
    }
}

# A directory of this test, removed at its end; anybody may write there.
my $dir;
sub dir {
    return $dir if $dir;
    $dir = File::Temp->newdir('wire-XXXXXX', TMPDIR => 1);
    chmod 01777, $dir;
    return $dir;
}

# Memcached refuses to run as root unless a user is named.
sub user_options { return $> == 0 ? ('-u', 'root') : () }

my $spawned = 0;

# Starts the program with exactly these arguments; does not wait for it.
sub spawn { my ($class, @arguments) = @_; return $class->spawn_program(program(), @arguments) }

# Another program in its place.
sub spawn_program {
    my ($class, $other, @arguments) = @_;
    my $self = bless { arguments => [@arguments], program => $other, owner => $$ }, $class;
    $self->{stderr_path} = dir() . "/stderr.$$.$spawned";
    $self->{stdout_path} = dir() . "/stdout.$$.$spawned";
    $spawned++;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $self->{stdout_path};
        open STDERR, '>', $self->{stderr_path};
        exec $self->{program}, @arguments or POSIX::_exit(127);
    }
    $self->{pid} = $pid;
    $running{$pid} = $self;
    return $self;
}

# Starts a server on a free port and waits until it accepts. The options come behind those that
# choose port, address and user; with `-s PATH` among them it is a unix socket's server.
sub start { my ($class, @options) = @_; return $class->start_program(program(), @options) }

# The same with another program.
sub start_program {
    my ($class, $other, @options) = @_;
    my $socket;
    for my $i (0 .. $#options) { $socket = $options[ $i + 1 ] if $options[$i] eq '-s' }
    for my $attempt (1 .. 10) {
        my $port = $socket ? undef : free_port();
        my $self = $class->spawn_program($other, user_options(),
                                         $socket ? () : ('-l', '127.0.0.1', '-p', $port), @options);
        $self->{port} = $port;
        $self->{to} = $socket // $port;
        return $self if $self->_await;
        my $stderr = $self->stderr;
        $self->kill_now;
        next if $stderr =~ /in use/ && $port;
        die "@{[$self->{program}, @{$self->{arguments}}]} does not start: $stderr\n";
    }
    die "no free port found\n";
}

# Starts a server on this very port of 127.0.0.1. Dies when the port is taken meanwhile.
sub start_at {
    my ($class, $port, @options) = @_;
    my $self = $class->spawn(user_options(), '-l', '127.0.0.1', '-p', $port, @options);
    $self->{port} = $self->{to} = $port;
    return $self if $self->_await;
    $self->kill_now;
    die "@{[$self->{program}, @{$self->{arguments}}]} does not start: " . $self->stderr . "\n";
}

# Starts a server that has this very port by UDP too.
sub start_with_udp {
    my ($class, @options) = @_;
    my $port = free_udp_port();
    return $class->start_at($port, '-U', $port, @options);
}

sub _await {
    my ($self) = @_;
    my $end = time + timeout();
    while (time < $end) {
        my $conn = Wire::Conn->open($self->{to});
        return 0 if $self->ended;
        return 1 if $conn;
        sleep 0.01;
    }
    return 0;
}

# A client by UDP, to the server's own port or to another address of it.
sub udp {
    my ($self, $to) = @_;
    return Wire::Udp->open($to // $self->{port}) // die "cannot reach the server: $!\n";
}

# A new connection, to the server's own port or to another address of it.
sub conn {
    my ($self, $to, %how) = @_;
    my $conn = Wire::Conn->open($to // $self->{to}, %how);
    die "cannot connect to the server: $!\n" . $self->stderr unless $conn;
    return $conn;
}

sub _slurp {
    my ($path) = @_;
    open my $file, '<', $path or return '';
    local $/;
    return <$file> // '';
}

sub stderr { return _slurp($_[0]{stderr_path}) }
sub stdout { return _slurp($_[0]{stdout_path}) }
sub pid { return $_[0]{pid} }
sub port { return $_[0]{port} }

# Its version as `-V` tells it, its further abilities as `-h` lists them.
my %told;
sub told {
    my ($option) = @_;
    return $told{$option} if defined $told{$option};
    my $run = Wire::Server->spawn($option);
    $run->wait_end;
    return $told{$option} = $run->stdout;
}
sub version_of {
    my ($program) = @_;
    my $run = Wire::Server->spawn_program($program, '-V');
    $run->wait_end;
    return $run->stdout =~ /(\d+\.\d+\.\d+)/ ? $1 : '0.0.0';
}
sub version { return told('-V') =~ /(\d+\.\d+\.\d+)/ ? $1 : '0.0.0' }
sub is_replicating { return told('-h') =~ /--replication-peer/ ? 1 : 0 }

# Whether this server behaves as the table of versions says for the named behaviour.
sub does { my ($self, $what) = @_; return Wire::Versions::does($what, version()) }

# True if the process has ended; reaps it then.
sub ended {
    my ($self) = @_;
    return 1 if defined $self->{status};
    my $got = waitpid $self->{pid}, WNOHANG;
    return 0 if $got == 0;
    $self->{status} = $got == $self->{pid} ? $? : -1;
    delete $running{ $self->{pid} };
    return 1;
}

# Waits for the process to end by itself; returns its wait status, undef if it does not.
sub wait_end {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // timeout());
    until ($self->ended) {
        return undef if time > $end;
        sleep 0.005;
    }
    return $self->{status};
}

sub signal { my ($self, $name) = @_; return kill $name, $self->{pid} }

# SIGKILL, and reaped.
sub kill_now {
    my ($self) = @_;
    kill 'KILL', $self->{pid} unless $self->ended;
    return $self->wait_end;
}

# What is wrong with how the server ended, as text; nothing when all is well.
sub complaint {
    my ($self) = @_;
    my $status = $self->{status};
    my @wrong;
    push @wrong, 'it did not end' unless defined $status;
    push @wrong, 'killed by signal ' . ($status & 127) if defined $status && $status & 127;
    push @wrong, 'exit status ' . ($status >> 8) if defined $status && $status >> 8;
    push @wrong, "a sanitizer's report" if $self->stderr =~
        /ERROR: (?:Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error:/;
    return join ', ', @wrong;
}

# Ends the server with SIGTERM (or another signal); the test fails unless it ends cleanly. One that
# has been told already to stop may be told again.
sub stop {
    my ($self, $signal) = @_;
    my $complaint = $self->end($signal);
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    fail('the server ends cleanly') || diag($self->_report($complaint)) if $complaint;
    return !$complaint;
}

# The same outside a test: returns the complaint.
sub end {
    my ($self, $signal) = @_;
    return '' if $self->{finished};
    $self->{finished} = 1;
    $self->signal($signal // 'TERM') unless $self->ended;
    my $ended = defined $self->wait_end;
    my $complaint = $self->complaint;
    $self->kill_now unless $ended;
    return $complaint;
}

sub _report {
    my ($self, $complaint) = @_;
    return "@{$self->{arguments}}: $complaint; its stderr:\n" . substr($self->stderr, 0, 20000);
}

# Those that this process has started and not reaped; a fork of it has none at first.
sub left_running { return grep { $_->{owner} == $$ } values %running }

# A server still running at the end of the script is stopped, and its bad end is the script's.
END {
    my $status = $?;
    for my $server (left_running()) {
        my $complaint = $server->end;
        next unless $complaint;
        diag($server->_report($complaint));
        $status ||= 1;
    }
    $? = $status;
}

1;
