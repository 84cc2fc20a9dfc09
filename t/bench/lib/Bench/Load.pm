package Bench::Load;

# One run of mcload against one server, and the numbers it printed.

use strict;
use warnings;
use Bench::Process;
use File::Temp;

# The program, and the CPU it is pinned to (undef: none): set once.
our ($program, $cpu);

# Runs it with the arguments and returns the fields of its result line, {} where it only filled.
# Dies with what it said if it fails or takes longer than $seconds_max.
sub run {
    my ($server, $seconds_max, @arguments) = @_;
    my $output = File::Temp->new(TEMPLATE => 'benchXXXXXX', TMPDIR => 1);
    my @command = ($program, '--server', $server->address, '--pid', $server->{pid}, '--brief', @arguments);
    push @command, '--cpu', $cpu if defined $cpu;
    my $pid = Bench::Process::start($program, \@command, $output);
    if (!Bench::Process::wait_for($pid, $seconds_max)) {
        Bench::Process::stop($pid);
        die "compare: no end after $seconds_max s: @command\n";
    }
    my $status = $?;
    open my $file, '<', $output->filename or die "compare: $!\n";
    local $/;
    my $text = <$file> // '';
    die "compare: failed: @command\n$text" if $status != 0;
    my %fields = $text =~ /^mcload /m ? $text =~ /(\w+)=(\S+)/g : ();
    return \%fields;
}

# Stores every key; the server's background threads are left to finish.
sub fill {
    my ($server, $key_count) = @_;
    run($server, 30 + $key_count / 40_000, '--fill', '--seconds', 0, '--keys', $key_count);
    $server->settle(5 + $key_count / 80_000);    # a large index grows for minutes
}

1;
