package Bench::Instructions;

# User instructions per operation, counted by valgrind's callgrind: a second opinion that does not
# depend on what else the machine does. It sees nothing of the kernel.

use strict;
use warnings;
use Bench::Load;
use Bench::Process;
use Bench::Server;
use File::Temp;

use constant {
    KEY_COUNT     => 2000,
    BASE_OPS      => 320,
    MORE_OPS      => 16_000,
    MORE_KEYS     => 100_000,    # keys asked for by a row of multigets
    START_SECONDS => 60,
    STOP_SECONDS  => 60,
};

# A server under valgrind. Valgrind allows no change of the hard limit of open files, and a server
# sets it to what -c says: -c has to name the limit there is. Where the program is a script, it
# hands valgrind a limit that valgrind has already raised by 12 for itself.
sub start {
    my ($side, $counts_path) = @_;
    my $server;
    for my $limit (1024, 1036) {
        $server = eval {
            Bench::Server->start(
                %$side,
                options       => [@{$side->{options}}, '-c', $limit],
                cpu           => undef,
                user          => 'root',    # the counts are written at its end, where only we may
                start_seconds => START_SECONDS,
                wrapper       => ['sh', '-c', 'ulimit -Sn 1024; exec "$@"', 'sh', 'valgrind', '-q',
                    '--tool=callgrind', '--trace-children=yes', "--callgrind-out-file=$counts_path"],
            );
        };
        return $server if $server;
        Bench::Process::pass_on_interrupt($@);
    }
    die $@;
}

# All instructions of a server's life that serves the row's load for so many operations.
sub count {
    my ($side, $row, $ops) = @_;
    my $directory = File::Temp->newdir(TEMPLATE => 'benchXXXXXX', TMPDIR => 1);
    my $server = start($side, "$directory/counts");
    Bench::Load::run($server, 60, '--fill', '--seconds', 0, '--keys', KEY_COUNT);
    Bench::Load::run($server, 120, @{$row->{load}}, '--keys', KEY_COUNT, '--ops', $ops);
    $server->stop(STOP_SECONDS);
    open my $file, '<', "$directory/counts" or die "compare: valgrind left no counts" . $server->said . "\n";
    while (my $line = <$file>) {
        return $1 if $line =~ /^(?:totals|summary): (\d+)/;
    }
    die "compare: no total in what valgrind left" . $server->said . "\n";
}

# Prints a line for each row; $sides maps A and B to what Bench::Server->start takes.
sub print_rows {
    my ($sides, @rows) = @_;
    printf "%-36s %12s %12s %7s\n", 'user instructions', 'A', 'B', 'A/B';
    my %base = map { $_ => count($sides->{$_}, $rows[0], BASE_OPS) } qw(A B);
    for my $row (@rows) {
        my $is_multiget = $row->{per} eq 'key';
        my $ops = $is_multiget ? MORE_KEYS / 50 : MORE_OPS;
        # the base run is the first row's: its own operations count as if they were of this row
        my $counted = $is_multiget ? MORE_KEYS : MORE_OPS - BASE_OPS;
        my %per;
        for my $side (qw(A B)) {
            my $count = eval { count($sides->{$side}, $row, $ops) };
            Bench::Process::pass_on_interrupt($@);
            warn $@ unless defined $count;
            $per{$side} = defined $count ? ($count - $base{$side}) / $counted : 'nan';
        }
        printf "%-36s %12.0f %12.0f %7.3f\n", $row->{title}, $per{A}, $per{B}, $per{A} / $per{B};
        printf "instructions row=%s per=%s a=%.1f b=%.1f ratio=%.4f\n",
            $row->{name}, $row->{per}, $per{A}, $per{B}, $per{A} / $per{B};
    }
}

1;
