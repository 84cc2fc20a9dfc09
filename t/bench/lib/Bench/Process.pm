package Bench::Process;

# Child processes that cannot outlive the comparison: each is known by its pid until it is reaped.

use strict;
use warnings;
use Errno qw(EINTR);
use POSIX qw(:sys_wait_h :signal_h);
use Time::HiRes qw(time sleep);

use constant INTERRUPTED => "compare: interrupted\n";

my %running;    # pid => what it is
my $owner_pid = $$;

# Starts a program. Its output goes to the file handles given, which are closed here.
sub start {
    my ($what, $command, $output) = @_;
    my ($signals, $unblocked) = (POSIX::SigSet->new(SIGINT, SIGTERM, SIGHUP), POSIX::SigSet->new);
    sigprocmask(SIG_BLOCK, $signals, $unblocked);    # no child without an entry in %running
    my $pid = fork() // die "fork: $!\n";
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        sigprocmask(SIG_SETMASK, $unblocked);
        open(STDIN, '<', '/dev/null');
        if ($output) {
            open(STDOUT, '>&', $output) or POSIX::_exit(127);
            open(STDERR, '>&', $output) or POSIX::_exit(127);
        }
        exec { $command->[0] } @$command or POSIX::_exit(127);
    }
    $running{$pid} = $what;
    sigprocmask(SIG_SETMASK, $unblocked);
    return $pid;
}

# Whether it has ended by now; if so it is reaped and $? tells how.
sub has_ended {
    my ($pid) = @_;
    return 1 unless $running{$pid};
    return 0 if waitpid($pid, WNOHANG) == 0;
    delete $running{$pid};
    return 1;
}

# Waits until it ends; false if it does not within so many seconds.
sub wait_for {
    my ($pid, $seconds) = @_;
    my $deadline = time + $seconds;
    until (has_ended($pid)) {
        return 0 if time > $deadline;
        sleep 0.005;
    }
    return 1;
}

# Asks it to end, insists after $seconds, and reaps it.
sub stop {
    my ($pid, $seconds) = @_;
    return if !$running{$pid} || has_ended($pid);
    kill 'TERM', $pid;
    return if wait_for($pid, $seconds // 5);
    warn "compare: $running{$pid} (pid $pid) does not end on SIGTERM: killed\n";
    kill 'KILL', $pid;
    wait_for($pid, 10);
}

sub stop_all {
    kill 'KILL', keys %running;
    for my $pid (keys %running) {
        waitpid($pid, 0);
        delete $running{$pid};
    }
}

# For those who catch errors: the wish to stop is not one of them.
sub pass_on_interrupt {
    my ($error) = @_;
    return if !defined $error || $error ne INTERRUPTED;
    $! = 130;
    die $error;
}

$SIG{$_} = sub {
    $! = 130;    # `die` exits with it
    die INTERRUPTED;
} for qw(INT TERM HUP);

END {
    my $status = $?;
    stop_all() if $$ == $owner_pid;
    $? = $status;
}

1;
