# What one client library goes through while its pair fails over: it writes, reads, counts and deletes
# through the virtual address, and knows what each answer promised it. Nothing here knows the
# library's ways but by the answers of its adapter (t/wire/lib/Wire/Adapter.pm).
package ClientLoad;

use strict;
use warnings;
use Time::HiRes qw(sleep time);

use constant {
    KEYS           => 12,
    COUNTERS       => 3,
    KEPT           => 50,
    TRACE          => 60,       # commands told of when something is wrong
    WRONG_MAX      => 100,      # lines about what is wrong
    PAUSE          => 0.004,    # between two commands: a bounded load
    SERVED         => 40,       # commands in a row that are answered well: it is served again
    SECONDS        => 60,       # for what has to come true in the end
    DOUBT_SECONDS  => 10,       # for what may be a miss, or a server that is not reached
};

# An adapter at work, and a prefix for its keys that nobody else has.
sub new {
    my ($class, $adapter, $prefix) = @_;
    my $self = bless { adapter => $adapter, prefix => $prefix, wrong => [], trace => [], done => 0,
                       failed => 0, gap => 0, last_good => time }, $class;
    # possible: what a key may hold: the numbers of values, and `absent`.
    $self->{keys} = { map { ("$prefix-k$_" => { sent => 0, possible => { absent => 1 } }) } 1 .. KEYS };
    # low, high: between these a counter must be.
    $self->{counters} = { map { ("$prefix-c$_" => {}) } 1 .. COUNTERS };
    return $self;
}

sub ask {
    my ($self, $line) = @_;
    my $begin = time;
    my $answer = $self->{adapter}->ask($line);
    push @{ $self->{trace} }, sprintf '%.3f to %.3f: %.50s => %.50s', $begin, time, $line, $answer;
    shift @{ $self->{trace} } if @{ $self->{trace} } > TRACE;
    if ($answer =~ /^error/) {
        $self->{failed}++;
        $self->{last_error} = $answer;
    } else {
        my $now = time;
        $self->{done}++;
        my $gap = $now - $self->{last_good};
        $self->{gap} = $gap if $gap > $self->{gap};
        $self->{last_good} = $now;
    }
    return $answer;
}

# Notes what should not be; of the first such thing, what came before it.
sub note_wrong {
    my ($self, $what) = @_;
    my $wrong = $self->{wrong};
    push @$wrong, substr($what, 0, 200), @$wrong ? () : @{ $self->{trace} } if @$wrong < WRONG_MAX;
}

# Asks until the answer pleases; the last answer. All that is awaited has its time together.
sub ask_until {
    my ($self, $line, $pleases) = @_;
    my $deadline = $self->{deadline} // time + SECONDS;
    while (1) {
        my $answer = $self->ask($line);
        return $answer if $pleases->($answer) || time > $deadline;
        sleep 0.05;
    }
}

# A "no" or a "miss" of a library that says the same when it could not ask.
sub is_doubtful {
    my ($self, $command, $answer) = @_;
    return $answer =~ /^(?:no|miss)\z/ && $self->{adapter}->is_quiet($command);
}

sub value_of { my ($number) = @_; return "$number." . 'v' x ($number * 7 % 500) }

# ---- what is laid down before, and has to be there in the end -------------------------------------

sub lay_down {
    my ($self) = @_;
    my $p = $self->{prefix};
    my @lines = map { ("set $p-kept$_ " . value_of($_) . ' 0', "set $p-gone$_ x 0", "delete $p-gone$_") }
        1 .. KEPT;
    push @lines, "set $p-brief x 2";
    push @lines, "set $p-touched x 0", "touch $p-touched 5000" unless $self->{adapter}->lacks('touch');
    push @lines, map { "set $_ 0 0" } keys %{ $self->{counters} };
    $_ = { low => 0, high => 0 } for values %{ $self->{counters} };
    $self->{deadline} = time + SECONDS;
    for my $line (@lines) {
        # A delete that had to be sent again may find nothing.
        my $answer = $self->ask_until($line, sub { $_[0] eq 'ok' || $line =~ /^delete/ && $_[0] eq 'no' });
        $self->note_wrong("$line before any fail-over: $answer") if $answer !~ /^(?:ok|no)\z/;
    }
    delete $self->{deadline};
}

sub look_after {
    my ($self) = @_;
    my $p = $self->{prefix};
    $self->{deadline} = time + SECONDS;
    for my $n (1 .. KEPT) {
        my $want = 'value ' . value_of($n);
        my $answer = $self->ask_until("get $p-kept$n", sub { $_[0] eq $want || $self->is_firm($_[0]) });
        $self->note_wrong("kept$n: $answer") if $answer ne $want;
        $answer = $self->ask_until("get $p-gone$n", sub { $self->is_firm($_[0]) || $_[0] eq 'miss' });
        $self->note_wrong("gone$n: $answer") if $answer ne 'miss';
    }
    if (!$self->{adapter}->lacks('mget')) {
        my %want = map { ("$p-kept$_" => value_of($_)) } 1 .. KEPT;
        my $is_all = sub {
            my ($command, @words) = split ' ', $_[0];
            return 0 if $command ne 'values';
            my %got = map { split /=/, $_, 2 } @words;
            return %got == %want && !grep { $got{$_} ne $want{$_} } keys %got;
        };
        my $answer = $self->ask_until(join(' ', 'mget', keys %want, "$p-gone1"), $is_all);
        $self->note_wrong("mget: $answer") if !$is_all->($answer);
    }
    if (!$self->{adapter}{own_expiry}) {
        my $answer = $self->ask_until("get $p-brief", sub { $_[0] eq 'miss' });
        $self->note_wrong("brief, which has expired: $answer") if $answer ne 'miss';
    }
    $self->check($_, 'get', $self->ask_until("get $_", sub { $self->is_firm($_[0]) || $self->allows($_, $_[0]) }))
        for keys %{ $self->{keys} };
    for my $counter (keys %{ $self->{counters} }) {
        my ($low, $high) = @{ $self->{counters}{$counter} }{qw(low high)};
        my $answer = $self->ask_until("get $counter", sub { $self->is_firm($_[0]) });
        $self->note_wrong("$counter: $answer, not within $low and $high")
            unless $answer =~ /^value (\d+)\s*\z/ && $1 >= $low && $1 <= $high;
    }
}

# An answer to `get` that says something of what the server holds.
sub is_firm {
    my ($self, $answer) = @_;
    return $answer !~ /^error/ && !$self->is_doubtful('get', $answer);
}

# ---- the load ------------------------------------------------------------------------------------

# Whether an answer to `get` is what the key may hold.
sub allows {
    my ($self, $key, $answer) = @_;
    my $possible = $self->{keys}{$key}{possible};
    return $possible->{absent} if $answer eq 'miss';
    return $answer =~ /^value (\d+)\./ && $possible->{$1} && $answer eq 'value ' . value_of($1);
}

# Notes an answer to a command that reads, told as `get` would, that the key may not give.
sub check {
    my ($self, $key, $command, $answer) = @_;
    return if $answer =~ /^error/ || $self->allows($key, $answer);
    if ($self->is_doubtful($command, $answer) && !@{ $self->{wrong} }) {
        local $self->{deadline} = time + DOUBT_SECONDS;
        $answer = $self->ask_until("get $key", sub { $_[0] =~ /^value/ });
        return if $self->allows($key, $answer);
    }
    my $possible = join ' ', sort keys %{ $self->{keys}{$key}{possible} };
    $self->note_wrong("$key: " . substr($answer, 0, 40) . ", possible: $possible");
}

# One command, whichever chance takes.
sub step {
    my ($self) = @_;
    my ($key) = _any(keys %{ $self->{keys} });
    my $chance = rand;
    if ($chance < 0.35) {
        $self->write_key($key);
    } elsif ($chance < 0.45) {
        $self->delete_key($key);
    } elsif ($chance < 0.6) {
        $self->count(_any(keys %{ $self->{counters} }));
    } elsif ($chance < 0.7 && !$self->{adapter}->lacks('mget')) {
        $self->read_many($key, _any(keys %{ $self->{keys} }));
    } else {
        $self->check($key, 'get', $self->ask("get $key"));
    }
}

sub _any { return $_[ rand @_ ] }

# What is not acknowledged may be so or not; what is acknowledged is all there is.
sub write_key {
    my ($self, $key) = @_;
    my $state = $self->{keys}{$key};
    my $number = ++$state->{sent};
    my $answer = $self->ask("set $key " . value_of($number) . ' 0');
    return $state->{possible}{$number} = 1 if $answer ne 'ok';
    $state->{possible} = { $number => 1 };
}

sub delete_key {
    my ($self, $key) = @_;
    my $state = $self->{keys}{$key};
    my $answer = $self->ask("delete $key");
    $self->check($key, 'delete', 'miss') if $answer eq 'no' && !$self->is_doubtful('delete', $answer);
    return $state->{possible} = { absent => 1 } if $answer eq 'ok';
    $state->{possible}{absent} = 1;
}

sub read_many {
    my ($self, @keys) = @_;
    my ($command, @words) = split ' ', $self->ask("mget @keys");
    return if $command ne 'values';
    my %got = map { split /=/, $_, 2 } @words;
    $self->check($_, 'mget', defined $got{$_} ? "value $got{$_}" : 'miss') for @keys;
}

# A library may send what failed once more: then one command counts twice.
sub count {
    my ($self, $counter) = @_;
    my $state = $self->{counters}{$counter};
    my $answer = $self->ask("incr $counter 1");
    my ($number) = $answer =~ /^number (\d+)\z/;
    if (!defined $number) {
        $self->note_wrong("$counter is lost: $answer")
            if $answer eq 'miss' && !$self->is_doubtful('incr', $answer);
        $state->{high} += 2;
        return;
    }
    $self->note_wrong("$counter: $number, not within $state->{low} + 1 and $state->{high} + 2")
        if $number <= $state->{low} || $number > $state->{high} + 2;
    @$state{qw(low high)} = ($number, $number);
}

# Works until $until says so.
sub work {
    my ($self, $until) = @_;
    until ($until->()) {
        my $failed = $self->{failed};
        $self->step;
        sleep($self->{failed} > $failed ? 5 * PAUSE : PAUSE);
    }
}

# Works until it is served as if nothing had been; whether it came to that.
sub work_until_served {
    my ($self) = @_;
    my $deadline = time + SECONDS;
    my ($failed, $from) = ($self->{failed}, $self->{done});
    $self->work(sub {
        ($failed, $from) = ($self->{failed}, $self->{done}) if $self->{failed} > $failed;
        return $self->{done} - $from >= SERVED || time > $deadline;
    });
    return $self->{done} - $from >= SERVED;
}

1;
