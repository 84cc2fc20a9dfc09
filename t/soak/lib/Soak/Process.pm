package Soak::Process;

# What the kernel knows of a process.

use strict;
use warnings;
use Exporter 'import';

our @EXPORT_OK = qw(resident_kb descriptor_count thread_count);

sub thread_count {
    my ($pid) = @_;
    my @tasks = glob "/proc/$pid/task/*";
    return scalar @tasks;
}

# Resident memory in KB: of the mapping that has the most of it, which is that of the items' pages as
# soon as there are some, and of all others.
sub resident_kb {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/smaps" or die "/proc/$pid/smaps: $!\n";
    my ($sum, $most) = (0, 0);
    while (my $line = <$in>) {
        my ($kb) = $line =~ /^Rss:\s+(\d+)/ or next;
        $sum += $kb;
        $most = $kb if $kb > $most;
    }
    return ($most, $sum - $most);
}

sub descriptor_count {
    my ($pid) = @_;
    opendir my $dir, "/proc/$pid/fd" or die "/proc/$pid/fd: $!\n";
    return scalar grep { /^\d+\z/ } readdir $dir;
}

1;
