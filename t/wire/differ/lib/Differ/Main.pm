package Differ::Main;

# The tester's run: probes of what is allowed, the tables, generated cases; each a line of TAP.

use strict;
use warnings;
use File::Basename qw(dirname);
use JSON::PP;
use POSIX ();
use Time::HiRes qw(time);
use Differ::Allowed;
use Differ::Case;
use Differ::Generate;
use Differ::Worker;
use Wire::Server;

my $home = dirname(__FILE__) . '/../..';

sub new {
    my ($class, %options) = @_;
    my $reference = $ENV{REFERENCE} // '/usr/bin/memcached';
    my $self = bless { %options, tests => 0, failed => 0 }, $class;
    $self->{programs} = [ Wire::Server::program(), $reference ];
    $self->{reference_version} = Wire::Server::version_of($reference);
    $self->{allowed} = Differ::Allowed->read_file("$home/allowed", $self->{reference_version});
    $self->{kinds} = [@Differ::Generate::usual_kinds] unless @{ $self->{kinds} };
    Wire::Server::dir();    # this process's, for the workers too
    return $self;
}

sub _ok {
    my ($self, $is_ok, $name, @texts) = @_;
    $self->{tests}++;
    $self->{failed}++ unless $is_ok;
    print $is_ok ? 'ok' : 'not ok', " $self->{tests} - $name\n";
    for my $text (@texts) { print map { "#   $_\n" } split /\n/, $text }
    return $is_ok;
}

sub run {
    my ($self) = @_;
    $| = 1;
    if (!-x $self->{programs}[1]) {
        print "1..0 # SKIP no reference: $self->{programs}[1]\n";
        return 0;
    }
    print "# seed $self->{seed}; the reference is $self->{programs}[1], ",
        "$self->{reference_version}\n";
    if (defined $self->{script}) {
        $self->_run_texts('script', $self->{script});
    } elsif (defined $self->{case}) {
        $self->_run_cases($self->{kinds}[0], $self->{case}, $self->{case}, 1);
    } else {
        $self->_run_others if $self->{others};
        $self->_run_kind($_) for @{ $self->{kinds} };
    }
    print "1..$self->{tests}\n";
    return $self->{failed} ? 1 : 0;
}

# options: of the servers, besides the usual ones.
sub _worker {
    my ($self, @options) = @_;
    return Differ::Worker->new($self->{programs}, $self->{allowed}, @Differ::Generate::server_options, @options);
}

sub _run_others {
    my ($self) = @_;
    $self->_run_probes;
    $self->_run_texts((m{([^/]+)\z}), $_) for sort glob "$home/tables/*";
}

# Each allowed difference has to be one still.
sub _run_probes {
    my ($self) = @_;
    my %workers;
    for my $rule ($self->{allowed}->rules) {
        my $worker = $workers{ $rule->{options} // '' } //= $self->_worker(qw(-U free), split ' ', $rule->{options} // '');
        my $is_shown = $worker->shows_difference($rule->{probe}, $self->{allowed}->without($rule));
        $self->_ok($is_shown, "allowed: $rule->{name}",
                   $is_shown ? () : 'it does not occur any more: take it out of `allowed`');
    }
    $_->finish for values %workers;
}

sub _slurp {
    my ($path) = @_;
    local $/;
    return <STDIN> if $path eq '-';
    open my $in, '<', $path or die "$path: $!\n";
    return <$in>;
}

sub _run_texts {
    my ($self, $name, $path) = @_;
    my $worker = $self->_worker;
    my @cases = Differ::Case->parse(_slurp($path));
    my $number = 0;
    $worker->check($_, "$name, case " . ++$number) for @cases;
    $worker->finish;
    $self->_ok(!$worker->failures, "$name: " . @cases . ' cases', $worker->failures);
}

# Which part of the requests are of this kind, of those that are run.
sub _share_of {
    my ($self, $kind) = @_;
    my $sum = 0;
    $sum += $_ for map { $Differ::Generate::kinds{$_}{share} || 1 } @{ $self->{kinds} };
    return ($Differ::Generate::kinds{$kind}{share} || 1) / $sum;
}

# Cases first, first + step, ... up to last or so many requests; in this process.
sub _run_cases {
    my ($self, $kind, $first, $last, $step) = @_;
    my $worker = $self->_worker(@{ $Differ::Generate::kinds{$kind}{options} // [] });
    my ($requests, $cases, $bytes) = (0, 0, 0);
    my $share = $self->{requests} * $self->_share_of($kind) / $step;
    for (my $number = $first; defined $last ? $number <= $last : $requests < $share; $number += $step) {
        my ($case, $count) = Differ::Generate::make_case($kind, $self->{seed}, $number, $self->{allowed});
        next unless $count;
        $worker->check($case, "--seed $self->{seed} --kind $kind --case $number");
        $requests += $count;
        $cases++;
        $bytes += $case->size;
        last if $worker->failures >= $self->{failures};
    }
    $worker->finish;
    my $outcome = { requests => $requests, cases => $cases, bytes => $bytes,
                    failures => [ $worker->failures ], unrepeated => [ $worker->unrepeated ] };
    return $outcome if !defined $last;
    $self->_ok(!$worker->failures, "$kind, case $first", $worker->failures, $worker->unrepeated);
}

# The same in another process; returns where its outcome can be read from.
sub _fork_cases {
    my ($self, $kind, $first) = @_;
    my $pid = open(my $from, '-|') // die "fork: $!";
    return $from if $pid;
    my $outcome = eval { $self->_run_cases($kind, $first, undef, $self->{jobs}) }
        || { requests => 0, cases => 0, bytes => 0, failures => [ "the tester died: $@" ], unrepeated => [] };
    for my $server (Wire::Server::left_running()) {
        warn "differ: left running by $kind, job $first: $server->{program} @{$server->{arguments}}\n";
        $server->end;
    }
    print encode_json($outcome);
    close STDOUT;
    POSIX::_exit(0);
}

sub _run_kind {
    my ($self, $kind) = @_;
    my $reference = $Differ::Generate::kinds{$kind}{reference} // 'any';
    return $self->_run_generated($kind) if Differ::Allowed::is_for($reference, $self->{reference_version});
    $self->_ok(1, "$kind # SKIP for references $reference");
}

sub _run_generated {
    my ($self, $kind) = @_;
    my $start = time;
    my %sum = (requests => 0, cases => 0, bytes => 0, failures => [], unrepeated => []);
    for my $from (map { $self->_fork_cases($kind, $_) } 1 .. $self->{jobs}) {
        my $outcome = decode_json(do { local $/; <$from> } || '{"failures":["a worker died"]}');
        close $from;
        $sum{$_} += $outcome->{$_} // 0 for qw(requests cases bytes);
        push @{ $sum{$_} }, @{ $outcome->{$_} // [] } for qw(failures unrepeated);
    }
    my $name = sprintf '%s: %d generated requests in %d cases (%.1f MB, %.0f s)', $kind,
        @sum{qw(requests cases)}, $sum{bytes} / 1e6, time - $start;
    $self->_ok(!@{ $sum{failures} }, $name, @{ $sum{failures} });
    print map { "#   once only: $_\n" } map { split /\n/ } @{ $sum{unrepeated} };
}

1;
