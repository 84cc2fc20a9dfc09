package Bench::Server;

# A server to be measured: started on a free port of 127.0.0.1, pinned, awaited, asked, stopped.

use strict;
use warnings;
use Bench::Process;
use File::Temp;
use IO::Socket::INET;
use Time::HiRes qw(time sleep);

use constant {
    START_SECONDS_MAX  => 10,
    HEALTH_SECONDS_MAX => 30,
};

sub free_port {
    my $socket = IO::Socket::INET->new(
        Listen    => 1,
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
    ) or die "compare: no free port: $@\n";
    return $socket->sockport;
}

# program, cpu (undef: not pinned), options, threads (default 1), wrapper (words before the program),
# port, user.
# is_memcached 0: the program takes other options and no `version`.
sub start {
    my ($class, %with) = @_;
    my $self = bless {port => free_port(), is_memcached => 1, wrapper => [], %with}, $class;
    my @command = ($self->{program}, @{$self->{options} || []});
    if ($self->{is_memcached}) {
        push @command, '-p', $self->{port}, '-l', '127.0.0.1',
            '-t', $self->{threads} // 1;
        push @command, '-u', $self->{user} // 'nobody' if $> == 0;
    }
    else {
        splice @command, 1, 0, $self->{port};
    }
    unshift @command, @{$self->{wrapper}};
    unshift @command, 'taskset', '-c', $self->{cpu} if defined $self->{cpu};
    $self->{output} = File::Temp->new(TEMPLATE => 'benchXXXXXX', TMPDIR => 1);
    $self->{pid} = Bench::Process::start($self->{program}, \@command, $self->{output});
    $self->await;
    return $self;
}

sub address {
    return "127.0.0.1:$_[0]{port}";
}

sub said {
    my ($self) = @_;
    open my $file, '<', $self->{output}->filename or return '';
    local $/;
    my $text = <$file> // '';
    return $text eq '' ? '' : ": $text";
}

sub await {
    my ($self) = @_;
    my $deadline = time + ($self->{start_seconds} // START_SECONDS_MAX);
    while (time < $deadline) {
        die "compare: $self->{program} ended at once" . $self->said . "\n"
            if Bench::Process::has_ended($self->{pid});
        my $socket = IO::Socket::INET->new(PeerAddr => $self->address, Timeout => 1);
        if ($socket) {
            return if !$self->{is_memcached};
            $self->{version} = (split ' ', $self->ask('version', qr/\n/))[1];
            return;
        }
        sleep 0.02;
    }
    die "compare: $self->{program} does not accept connections" . $self->said . "\n";
}

# Sends a line and returns what comes up to and with what $last matches.
sub ask {
    my ($self, $line, $last) = @_;
    my $answer = '';
    my $socket = IO::Socket::INET->new(PeerAddr => $self->address, Timeout => 5)
        or die "compare: cannot connect to $self->{program}: $@\n";
    $socket->syswrite("$line\r\n");
    my $deadline = time + 10;
    while ($answer !~ $last) {
        my $bits = '';
        vec($bits, fileno($socket), 1) = 1;
        select($bits, undef, undef, 0.5);
        die "compare: $self->{program} does not answer '$line'\n" if time > $deadline;
        next unless vec($bits, fileno($socket), 1);
        $socket->sysread($answer, 65536, length $answer)
            or die "compare: $self->{program} closed the connection on '$line'\n";
    }
    return $answer;
}

sub stats {
    my ($self, $family) = @_;
    my $answer = $self->ask($family ? "stats $family" : 'stats', qr/^(?:END|ERROR|CLIENT_ERROR.*)\r\n/m);
    my %stats;
    $stats{$1} = $2 while $answer =~ /^STAT (\S+) (.*?)\r\n/mg;
    return \%stats;
}

# CPU seconds of all its threads so far.
sub cpu_seconds {
    my ($self) = @_;
    my $sum = 0;
    for my $path (glob "/proc/$self->{pid}/task/*/schedstat") {
        open my $file, '<', $path or next;
        $sum += (split ' ', <$file> // '0')[0] * 1e-9;
    }
    return $sum;
}

# Waits until background threads have nothing left to do after a fill: under 2 % of a CPU, and an
# index of its final size.
sub settle {
    my ($self, $seconds_max) = @_;
    my $deadline = time + $seconds_max;
    my $before = $self->cpu_seconds;
    while (time < $deadline) {
        sleep 0.1;
        my $now = $self->cpu_seconds;
        return if $now - $before < 0.002 && !$self->stats->{hash_is_expanding};
        $before = $now;
    }
    warn "compare: $self->{program}: its background threads are not done after $seconds_max s\n";
}

# Waits until the peer has everything this node has and says so. Dies if it does not come to that.
sub await_replication {
    my ($self, $peer) = @_;
    my $deadline = time + HEALTH_SECONDS_MAX;
    my $why;
    do {
        my ($here, $there) = ($self->stats('repl'), $peer->stats('repl'));
        my ($mine, $theirs) = map { $_->stats->{curr_items} // -1 } $self, $peer;
        $why = join ', ', map { "$_ " . ($here->{$_} // 'missing') } qw(role state link_out lag_ops);
        $why .= ", items $mine and $theirs";
        return if ($here->{state} // '') eq 'ready'
            && ($there->{state} // '') eq 'ready'
            && ($here->{link_out} // '') eq 'streaming'
            && ($here->{lag_ops} // 1) == 0
            && $mine == $theirs;
        sleep 0.1;
    } while (time < $deadline);
    die "compare: the pair is not in step after " . HEALTH_SECONDS_MAX . " s: $why\n";
}

sub stop {
    my ($self, $seconds) = @_;
    Bench::Process::stop($self->{pid}, $seconds);
}

1;
