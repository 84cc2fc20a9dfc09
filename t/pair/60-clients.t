#!/usr/bin/perl
# Real client libraries across two fail-overs: the master's server is killed amid their writes, the
# virtual address moves, and each of them goes on by its own means. What was acknowledged is there,
# and nothing that is older. PAIR_CLIENTS: a pattern for the names of the clients to take.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../wire/lib";
use ClientLoad;
use IO::Select;
use Pair;
use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Wire::Adapter;

use constant { ROUNDS => 2, SECONDS => 90 };

my $missing = Pair::missing();
plan skip_all => $missing if defined $missing;

$ENV{PAIR_CLIENTS} //= '.';
my @clients;
for my $client (grep { $_->name =~ /$ENV{PAIR_CLIENTS}/ } Wire::Adapter::clients()) {
    my $why = $client->missing;
    $why ? diag("$0 skipped: $why") : push @clients, $client;
}
plan skip_all => 'no client library is here' unless @clients;

$SIG{PIPE} = 'IGNORE';

# One client, in a process of its own: a word from the test is answered with a line.
sub child {
    my ($client, $prefix, $in, $out) = @_;
    my $say = sub { syswrite $out, join("\n", @_) . "\n" };
    my $adapter = $client->open(Pair::VIP, 11211, within => [ Pair::inside(Pair::CLIENT) ]);
    my $load = ClientLoad->new($adapter, $prefix);
    $load->lay_down;
    $say->('ready');
    while (1) {
        $load->work(sub { IO::Select->new($in)->can_read(0) });
        sysread $in, my $word, 1 or last;
        last if $word eq 'e';
        $say->($load->work_until_served ? 'served'
               : 'not served: ' . ($load->{last_error} // 'no error'));
    }
    $load->look_after;
    $say->(sprintf('%d done, %d failed, %.2f s between two answers at most', @$load{qw(done failed gap)}),
           @{ $load->{wrong} }, 'end');
    $adapter->close;
}

# Starts a client: {name, prefix, pid, to, from, buffer}.
sub start {
    my ($client, $prefix) = @_;
    pipe my $in, my $to or die "pipe: $!";
    pipe my $from, my $out or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
        eval { child($client, $prefix, $in, $out); 1 } or syswrite $out, "died: $@\nend\n";
        POSIX::_exit(0);
    }
    return { name => $client->name, client => $client, prefix => $prefix, pid => $pid, to => $to,
             from => $from, buffer => '' };
}

sub line_of {
    my ($at_work, $deadline) = @_;
    my $end;
    while (($end = index $at_work->{buffer}, "\n") < 0) {
        my $left = $deadline - time;
        return '(silence)' if $left <= 0 || !IO::Select->new($at_work->{from})->can_read($left);
        sysread $at_work->{from}, $at_work->{buffer}, 65536, length $at_work->{buffer}
            or return '(its end)';
    }
    my $line = substr $at_work->{buffer}, 0, $end, '';
    substr $at_work->{buffer}, 0, 1, '';
    return $line;
}

# The next line of each client is this one.
sub all_say {
    my ($want, $name, @at_work) = @_;
    my $deadline = time + SECONDS;
    my %said = map { ($_->{name} => line_of($_, $deadline)) } @at_work;
    my @others = grep { $said{$_} ne $want } sort keys %said;
    ok(!@others, $name) or diag((map { "$_: $said{$_}\n" } @others), Pair::report());
}

Pair::pair_begin();
my $seed = $ENV{PAIR_SEED} || time & 0xffff;
diag("PAIR_SEED=$seed");
my $number = 0;
my @at_work = map { srand $seed + ++$number; start($_, "client$number") } @clients;
END { kill 'KILL', map { $_->{pid} } @at_work }
all_say('ready', scalar @clients . ' clients are at work', @at_work);

for my $round (1 .. ROUNDS) {
    my ($master, $other) = $round % 2 ? qw(a b) : qw(b a);
    sleep 0.5 + rand 0.5;
    Pair::server_signal($master, 'KILL');
    Pair::wait_until(10, sub { Pair::vip_nodes() eq $other });
    is(Pair::vip_nodes(), $other, "round $round: the address moved to $other");
    syswrite $_->{to}, 's' for @at_work;
    all_say('served', ' ... every client is served again', @at_work);
    Pair::server_reap($master);
    Pair::server_start($master);
    ok(Pair::wait_until(Pair::READY_SECONDS, sub {
            Pair::is_role($master, 'slave', 'ready') && Pair::is_role($other, 'master', 'ready') }),
        " ... $master is back as the slave") or diag(Pair::report());
}

syswrite $_->{to}, 'e' for @at_work;
for my $at_work (@at_work) {
    my @said;
    my $deadline = time + SECONDS;
    while (1) {
        my $line = line_of($at_work, $deadline);
        last if $line eq 'end';
        push @said, $line;
        last if $line =~ /^\(/;
    }
    diag("$at_work->{name}: " . shift @said) if @said && $said[0] =~ /done, /;
    ok(!@said, "$at_work->{name}: what was acknowledged is there, and nothing older")
        or diag(join "\n", @said);
    next if $at_work->{client}->lacks('touch');
    my $vip = Pair::connect_from(Pair::CLIENT, Pair::VIP, 2);
    my $key = $at_work->{client}->server_key("$at_work->{prefix}-touched");
    my $left = $vip->command("mg $key t") =~ /^HD t(\d+)/ ? $1 : 'a miss';
    ok($left =~ /^\d/ && $left > 4000 && $left <= 5000, " ... with the time left: $left");
}
waitpid $_->{pid}, 0 for splice @at_work;
done_testing();
