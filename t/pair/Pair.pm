# A world for one test: two nodes and a client in network namespaces of their own, joined by a bridge,
# with real keepalived on both nodes. Everything is gone again when the test ends, however it ends.
#
#   client c 192.0.2.20 -- bridge -- 192.0.2.11 node a 198.51.100.11 --+
#                            |                                         | replication network
#                            +----- 192.0.2.12 node b 198.51.100.12 --+
#
# The virtual addresses are those of the samples in scripts/keepalived: 192.0.2.100, 2001:db8::100.
package Pair;

use strict;
use warnings;
use Cwd qw(abs_path);
use FindBin;
use File::Path qw(make_path remove_tree);
use Fcntl qw(O_CREAT O_RDWR);
use POSIX qw(WNOHANG);
use Time::HiRes qw(sleep time);
use lib "$FindBin::Bin/../../scripts/lib";
use MemcachedClient;

use constant {
    VIP           => '192.0.2.100',
    VIP6          => '2001:db8::100',
    CLIENT        => 'c',
    READY_SECONDS => 40,
};

our $root = abs_path("$FindBin::Bin/../..");
our $server = abs_path($ENV{MEMCACHED} || "$root/memcached/memcached");
our %address = (
    a => {front => '192.0.2.11', replication => '198.51.100.11', peer => '198.51.100.12'},
    b => {front => '192.0.2.12', replication => '198.51.100.12', peer => '198.51.100.11'},
    c => {front => '192.0.2.20'},
);
my $prefix = "mcpair$$";
my $folder = "/run/$prefix";
my $is_owner = $$;
my %process;        # pid -> what it is, of every child still to be reaped
my (%wrapper, %keepalived);
my $is_built = 0;

$SIG{$_} = sub { exit 130 } for qw(INT TERM HUP);

END {
    if ($$ == $is_owner) {
        my $status = $?;
        world_end();
        $? = $status;
    }
}

# Why the tests cannot run here, or undef.
sub missing {
    return 'root is needed to make network namespaces' if $> != 0;
    for my $tool (qw(ip nsenter keepalived)) {
        return "$tool is not installed"
            if !grep { -x "$_/$tool" } split(/:/, $ENV{PATH}), '/usr/sbin', '/sbin';
    }
    return "there is no server at $server (make it, or set MEMCACHED)" if !-x $server;
    my $output = qx(ip netns add ${prefix}probe 2>&1);
    return "network namespaces cannot be made here: $output" if $?;
    system 'ip', 'netns', 'del', "${prefix}probe";
    return undef;
}

sub run {
    my (@command) = @_;
    my $pid = open my $pipe, '-|';
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }
    my $output = do { local $/; <$pipe> };
    close $pipe;
    return ($?, $output // '');
}

sub must {
    my (@command) = @_;
    my ($status, $output) = run(@command);
    die "@command: $output" if $status;
    return $output;
}

sub namespace { "$prefix$_[0]" }

sub inside {
    my ($node, @command) = @_;
    return ('nsenter', '--net=/run/netns/' . namespace($node), '--', @command);
}

sub node_ip {
    my ($node, @arguments) = @_;
    return must(inside($node, 'ip', @arguments));
}

# Starts a process in a node's namespace, its output in a log of the node; its pid.
sub spawn {
    my ($node, $log, @command) = @_;
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', "$folder/$node/$log" or POSIX::_exit(126);
        open STDERR, '>&', \*STDOUT;
        exec inside($node, @command) or POSIX::_exit(127);
    }
    $process{$pid} = "$log of $node";
    return $pid;
}

sub wait_until {
    my ($seconds, $condition) = @_;
    my $deadline = time + $seconds;
    my $result;
    while (!($result = $condition->()) && time < $deadline) {
        sleep 0.01;
    }
    return $result;
}

# Ends a child of ours and reaps it; waits up to the seconds, then kills.
sub reap {
    my ($pid, $signal, $seconds) = @_;
    return if !delete $process{$pid};
    kill $signal, $pid if $signal;
    return if wait_until($seconds || 5, sub { waitpid($pid, WNOHANG) != 0 });
    kill 'KILL', $pid;
    waitpid $pid, 0;
}

sub wire_namespace {
    my ($node) = @_;
    my $last = (split /\./, $address{$node}{front})[3];
    must('ip', 'netns', 'add', namespace($node));
    node_ip($node, qw(link set lo up));
    node_ip($node, qw(link add eth0 type veth peer name), "port$node", 'netns', namespace('s'));
    node_ip('s', 'link', 'set', "port$node", qw(master br0 up));
    node_ip($node, 'addr', 'add', "$address{$node}{front}/24", qw(dev eth0));
    node_ip($node, '-6', 'addr', 'add', "2001:db8::$last/64", qw(dev eth0 nodad));
    node_ip($node, qw(link set eth0 up));
}

# Builds the namespaces; sets what the kernel needs for them.
sub world_begin {
    $is_built = 1;
    make_path("$folder/$_") for qw(a b c bin);
    chmod 0755, $folder;
    must('ip', 'netns', 'add', namespace('s'));
    node_ip('s', qw(link add br0 type bridge mcast_snooping 0));
    node_ip('s', qw(link set br0 up));
    wire_namespace($_) for qw(a b c);
    node_ip('a', qw(link add eth1 type veth peer name eth1 netns), namespace('b'));
    for my $node (qw(a b)) {
        node_ip($node, 'addr', 'add', "$address{$node}{replication}/24", qw(dev eth1));
        node_ip($node, qw(link set eth1 up));
    }
    # keepalived takes scripts only from folders that nobody but root can write to.
    for my $script (qw(check notify run-memcached)) {
        must('cp', "$root/scripts/keepalived/$script", "$folder/bin/$script");
        chmod 0755, "$folder/bin/$script";
    }
    for my $node (qw(a b)) {
        make_path("$folder/$node/state");
        mark($node, 254);
        chown scalar getpwnam('nobody'), -1, "$folder/$node/state", state_file($node);
    }
}

sub world_end {
    return if !$is_built;
    $is_built = 0;
    for my $node (qw(a b)) {
        kill 'CONT', $_ for grep { $_ } server_pid($node);
    }
    kill 'TERM', $_ for keys %process;
    reap($_, undef, 5) for keys %process;
    for my $node (qw(a b c s)) {
        system 'ip', 'netns', 'del', namespace($node) if -e '/run/netns/' . namespace($node);
    }
    if ($ENV{PAIR_KEEP}) {
        print STDERR "# logs are in $folder\n";
    } else {
        remove_tree($folder);
    }
}

sub state_file { "$folder/$_[0]/state/state" }

sub mark {
    my ($node, $number) = @_;
    open my $file, '>', state_file($node) or die "$folder/$node/state: $!";
    print $file "$number\n";
    close $file;
}

sub state_number {
    my ($node) = @_;
    open my $file, '<', state_file($node) or return 'none';
    my $number = <$file> // '';
    chomp $number;
    return $number;
}

sub server_command {
    my ($node) = @_;
    return ($server, qw(-p 11211 -U 0 -u nobody -m 256 -x), $address{$node}{peer},
        '-o', 'repl_state_file=' . state_file($node));
}

# Starts the server under run-memcached.
sub server_start {
    my ($node) = @_;
    $wrapper{$node} = spawn($node, 'memcached.log', "$folder/bin/run-memcached", state_file($node),
        server_command($node));
}

# Starts the server under something that starts it again at once when it ends, and marks nothing.
sub server_start_restarting {
    my ($node) = @_;
    my $loop = 'trap "kill \$child; exit" TERM; while true; do "$@" & child=$!; wait $child; done';
    $wrapper{$node} = spawn($node, 'memcached.log', 'bash', '-c', $loop, 'restarting',
        server_command($node));
}

# The server's own pid: the child of its wrapper.
sub server_pid {
    my ($node) = @_;
    my $parent = $wrapper{$node} or return undef;
    open my $file, '<', "/proc/$parent/task/$parent/children" or return undef;
    my ($pid) = split ' ', <$file> // '';
    return $pid;
}

# Sends a signal to the server; the moment it was sent.
sub server_signal {
    my ($node, $signal) = @_;
    my $pid = server_pid($node) or die "no server on $node";
    my $now = time;
    kill $signal, $pid or die "kill: $!";
    return $now;
}

sub server_reap {
    my ($node, $signal) = @_;
    reap(delete $wrapper{$node}, $signal, 10) if $wrapper{$node};
}

# The sample of this node with the paths and the user of this world; unicast where asked for.
sub keepalived_config {
    my ($node, %option) = @_;
    open my $sample, '<', "$root/scripts/keepalived/keepalived-node-$node.conf" or die $!;
    my $text = do { local $/; <$sample> };
    my $state = state_file($node);
    $text =~ s{/usr/local/libexec/memcached-pair/}{$folder/bin/}g;
    $text =~ s{/run/memcached-pair/state}{$state}g;
    $text =~ s{/run/memcached-pair\.fifo}{$folder/$node/fifo}g;
    $text =~ s{^(\s+script_user) memcache$}{$1 nobody}m;
    $text =~ s{(fifo) memcache$}{$1 nobody}m;
    $text =~ s{^(\s+)# (unicast_src_ip .*)\n\s+# (unicast_peer \{)\n\s+#(\s+\S+)\n\s+# \}}
              {$1$2\n$1$3\n$1$4\n$1\}}m if $option{unicast};
    my $path = "$folder/$node/keepalived.conf";
    open my $file, '>', $path or die "$path: $!";
    print $file $text;
    close $file;
    chmod 0644, $path;
    return $path;
}

sub keepalived_start {
    my ($node, %option) = @_;
    my $config = keepalived_config($node, %option);
    $keepalived{$node} = spawn($node, 'keepalived.log', 'keepalived', qw(-n -l -D -P -f), $config,
        '-p', "$folder/$node/keepalived.pid", '-r', "$folder/$node/vrrp.pid");
}

sub keepalived_reap {
    my ($node, $signal) = @_;
    reap(delete $keepalived{$node}, $signal || 'TERM', 5) if $keepalived{$node};
}

sub has_vip {
    my ($node) = @_;
    return index(node_ip($node, qw(-o -4 addr show dev eth0)), ' ' . VIP . '/') >= 0;
}

# The nodes that hold the virtual address, as one word.
sub vip_nodes { join '', grep { has_vip($_) } qw(a b) }

# Cuts a node's link, or heals it: eth0 is the clients' side, eth1 the replication network.
sub link_set {
    my ($node, $interface, $state) = @_;
    my $now = time;
    # The far end goes down, as a pulled cable at the switch does; the node keeps its addresses.
    my ($owner, $port) = $interface eq 'eth0' ? ('s', "port$node") : ($node, 'eth1');
    node_ip($owner, 'link', 'set', $port, $state);
    return $now;
}

# A connection to an address from inside a namespace: sockets belong to the namespace in which they
# were made, so the test steps in and out again.
sub connect_from {
    my ($node, $host, $timeout) = @_;
    open my $home, '<', '/proc/self/ns/net' or die $!;
    open my $there, '<', '/run/netns/' . namespace($node) or die $!;
    set_namespace($there);
    my $client = MemcachedClient->new($host, 11211, $timeout || 1);
    set_namespace($home);
    return $client;
}

sub set_namespace {
    my ($file) = @_;
    my %number = (x86_64 => 308, aarch64 => 268);
    my $machine = (POSIX::uname())[4];
    die "no setns number for $machine" if !$number{$machine};
    syscall($number{$machine}, fileno $file, 0) == 0 or die "setns: $!";
}

# (role, state, lag) of a node's server, asked on its own loopback; empty when it does not answer.
sub role {
    my ($node) = @_;
    my $client = connect_from($node, '127.0.0.1', 1) or return ();
    return $client->role;
}

sub is_role {
    my ($node, $role, $state) = @_;
    my @is = role($node);
    return @is && $is[0] eq $role && $is[1] eq $state;
}

sub stat_of {
    my ($node, $name) = @_;
    my $client = connect_from($node, '127.0.0.1', 1) or return undef;
    my $stats = $client->stats('repl') or return undef;
    return $stats->{$name};
}

sub log_tail {
    my ($node, $log, $lines) = @_;
    open my $file, '<', "$folder/$node/$log" or return '';
    my @lines = grep { !/gratuitous|Neighbour Advert/i } <$file>;
    splice @lines, 0, @lines - $lines if @lines > $lines;
    return join '', @lines;
}

# What there is to see when an assertion fails.
sub report {
    return join '', map {
        my $node = $_;
        "node $node: vip " . (has_vip($node) ? 'yes' : 'no') . ', file ' . state_number($node)
            . ", role @{[role($node)]}\n" . log_tail($node, 'keepalived.log', 25)
            . log_tail($node, 'memcached.log', 15)
    } qw(a b);
}

# Both servers and both keepalived up, the virtual address on node a, node b in sync. Options:
# unicast, restarting (server_start_restarting).
sub pair_begin {
    my (%option) = @_;
    world_begin();
    for my $node (qw(a b)) {
        $option{restarting} ? server_start_restarting($node) : server_start($node);
    }
    my $is_ready = wait_until(READY_SECONDS,
        sub { !grep { state_number($_) ne '0' } qw(a b) });
    die "the servers did not become ready:\n" . report() if !$is_ready;
    keepalived_start('a', %option);
    wait_until(10, sub { has_vip('a') }) or die "node a took no address:\n" . report();
    keepalived_start('b', %option);
    wait_until(10, sub { is_role('a', 'master', 'ready') && is_role('b', 'slave', 'ready') })
        or die "the roles did not settle:\n" . report();
}

use constant LOAD_KEYS => 100;

my @load;       # [pid, result file] of each client at work
my $load_count = 0;

# Starts clients that write and read through an address until load_stop; the names of their keys,
# which no client before them had.
sub load_start {
    my ($host, $clients) = @_;
    my @keys;
    for (1 .. $clients) {
        my $name = 'load' . $load_count++;
        my $result = "$folder/c/$name.result";
        push @load, [spawn(CLIENT, "$name.log", $^X, "$FindBin::Bin/load", $host, 11211, $name,
            LOAD_KEYS, $result), $result];
        push @keys, map { "$name:$_" } 0 .. LOAD_KEYS - 1;
    }
    return @keys;
}

# Ends the clients; what they saw: {acknowledged, failures, reads, gaps => [[start, end]...],
# wrong => [{kind, key, read, expected, given, time}...], unread}.
sub load_stop {
    my %seen = (acknowledged => 0, failures => 0, reads => 0, unread => 0, gaps => [], wrong => []);
    kill 'TERM', map { $_->[0] } @load;
    for (splice @load) {
        my ($pid, $result) = @$_;
        reap($pid, undef, 15);
        my $file;
        if (!open $file, '<', $result) {
            $seen{unread}++;
            next;
        }
        while (my $line = <$file>) {
            my ($word, @rest) = split ' ', $line;
            if ($word eq 'gap') {
                push @{$seen{gaps}}, [@rest];
            } elsif ($word eq 'wrong') {
                my %wrong;
                @wrong{qw(kind key read expected given time)} = @rest;
                push @{$seen{wrong}}, \%wrong;
            } elsif ($word eq 'unread') {
                $seen{unread}++;
            } else {
                $seen{$word} += $rest[0];
            }
        }
    }
    return \%seen;
}

# The longest time from an event until a client was served again.
sub outage {
    my ($seen, $event, $within) = @_;
    my $longest = 0;
    for my $gap (@{$seen->{gaps}}) {
        next if $gap->[1] < $event || $gap->[0] > $event + ($within || 10);
        my $from = $gap->[0] > $event ? $gap->[0] : $event;
        $longest = $gap->[1] - $from if $gap->[1] - $from > $longest;
    }
    return $longest;
}

# The wrong reads as lines for a failing test. With given_before, only those that take back an
# acknowledgement given before that moment; with missed_before, without the misses up to that moment.
sub wrong_reads {
    my ($seen, %option) = @_;
    my ($given_before, $missed_before) = @option{qw(given_before missed_before)};
    return map { "$_->{kind} $_->{key}: read $_->{read} at $_->{time}, "
            . "acknowledged $_->{expected} at $_->{given}" }
        grep { !defined $given_before || $_->{given} < $given_before }
        grep { !defined $missed_before || $_->{kind} ne 'lost' || $_->{time} > $missed_before }
        @{$seen->{wrong}};
}

# The keys on which the two nodes differ, in presence, value, flags or CAS.
sub differences {
    my (@keys) = @_;
    my ($left, $right) = map {
        my $client = connect_from($_, '127.0.0.1', 2);
        $client && $client->gets(@keys)
    } qw(a b);
    return @keys if !$left || !$right;
    return grep {
        my ($one, $other) = ($left->{$_}, $right->{$_});
        defined $one != defined $other
            || defined $one && grep { $one->{$_} ne $other->{$_} } qw(value flags cas);
    } @keys;
}

sub folder { $folder }

1;
