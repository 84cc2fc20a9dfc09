package Bench::Table;

# The rows of the comparison, their goals, and the arithmetic from paired runs to a printed line.

use strict;
use warnings;

# Sides: A ours, B the reference, R the reference with -R 1000, X ours with a replica, F the canned answer.
# goals: by comparison, the largest ratio that counts as reached. per: what CPU time is divided by.
my @rows = (
    row('get',           'get, one at a time',                [],                                                 {'A/B' => 0.9}, 'ABF'),
    row('set',           'set, one at a time',                ['--get-percent', 0],                               {'A/B' => 0.9, 'X/A' => 1.15}, 'ABX'),
    row('get-32',        'get, pipeline 32',                  ['--pipeline', 32],                                 {'A/B' => 0.5}, 'ABRF'),
    row('set-32',        'set, pipeline 32',                  ['--pipeline', 32, '--get-percent', 0],             {'A/B' => 0.5, 'X/A' => 1.3}, 'ABRX'),
    row('mg-32',         'mg, pipeline 32',                   ['--pipeline', 32, '--form', 'meta'],               {'A/B' => 0.5}, 'ABR'),
    row('ms-32',         'ms, pipeline 32',                   ['--pipeline', 32, '--form', 'meta', '--get-percent', 0], {'A/B' => 0.5}, 'ABR'),
    row('mg-quiet-32',   'mg with q, mn after each 32',       ['--pipeline', 32, '--form', 'quiet'],              {'A/B' => 0.5}, 'AB'),
    row('ms-quiet-32',   'ms with q, mn after each 32',       ['--pipeline', 32, '--form', 'quiet', '--get-percent', 0], {'A/B' => 0.5}, 'AB'),
    row('multiget',      'get of 50 keys, a key',             ['--multiget', 50],                                 {'A/B' => 0.6}, 'AB', 'key'),
    row('multiget-big',  'the same, 16 million items, a key', ['--multiget', 50],                               {'A/B' => 0.6}, 'AB', 'key'),
);

sub row {
    my ($name, $title, $load, $goals, $sides, $per) = @_;
    return {name => $name, title => $title, load => $load, goals => $goals, sides => $sides, per => $per // 'op'};
}

sub rows {
    return @rows;
}

# Which sides are divided by which, in the order they are printed.
sub comparisons {
    return (['A', 'B'], ['R', 'B'], ['A', 'R'], ['X', 'A'], ['F', 'B']);
}

sub quantile {
    my ($fraction, @values) = @_;
    @values = sort { $a <=> $b } @values;
    my $at = $fraction * $#values;
    my $low = int $at;
    my $high = $low < $#values ? $low + 1 : $low;
    return $values[$low] + ($at - $low) * ($values[$high] - $values[$low]);
}

sub median {
    return quantile(0.5, @_);
}

# The result of one row and one pair of sides, from runs made side by side: each a hash of mcload's
# line. Undef when there are none.
sub compare {
    my ($row, $over, $under, $pairs) = @_;
    return undef unless @$pairs;
    my $cpu = "cpu_us_per_$row->{per}";
    my @ratios = map { $_->[0]{$cpu} / $_->[1]{$cpu} } @$pairs;
    my $of = sub { my ($side, $field) = @_; median(map { $_->[$side]{$field} } @$pairs) };
    my $scale = $row->{per} eq 'key' ? sub { $_[0]{ops} / $_[0]{keys} } : sub { 1 };
    my $split = sub {
        my ($side, $field) = @_;
        median(map { $_->[$side]{$field} * $scale->($_->[$side]) } @$pairs);
    };
    my $goal = $row->{goals}{"$over/$under"};
    my $ratio = median(@ratios);
    return {
        row       => $row->{name},
        over      => $over,
        under     => $under,
        per       => $row->{per},
        pairs     => scalar @$pairs,
        ratio     => $ratio,
        q1        => quantile(0.25, @ratios),
        q3        => quantile(0.75, @ratios),
        rate      => median(map { $_->[0]{rate} / $_->[1]{rate} } @$pairs),
        over_us   => $of->(0, $cpu),
        under_us  => $of->(1, $cpu),
        over_user_us  => $split->(0, 'user_us_per_op'),
        under_user_us => $split->(1, 'user_us_per_op'),
        over_system_us  => $split->(0, 'system_us_per_op'),
        under_system_us => $split->(1, 'system_us_per_op'),
        over_busy  => $of->(0, 'busy'),
        under_busy => $of->(1, 'busy'),
        over_p99_us  => $of->(0, 'p99_us'),
        under_p99_us => $of->(1, 'p99_us'),
        over_p999_us  => $of->(0, 'p999_us'),
        under_p999_us => $of->(1, 'p999_us'),
        goal    => $goal,
        reached => defined $goal ? ($ratio <= $goal ? 1 : 0) : undef,
    };
}

my $heading = "%-36s %-5s %6s  %-13s %15s %15s %6s %19s  %s\n";

sub print_heading {
    printf $heading, 'row', 'sides', 'CPU', 'quartiles', 'CPU us (user)', 'CPU us (user)', 'rate', 'p99 us', 'goal';
    printf $heading, '', '', 'ratio', '', 'first', 'second', 'ratio', 'first / second', '';
}

sub print_result {
    my ($title, $result) = @_;
    printf $heading, $title, "$result->{over}/$result->{under}", sprintf('%.3f', $result->{ratio}),
        sprintf('%.3f - %.3f', $result->{q1}, $result->{q3}),
        sprintf('%.3f (%.3f)', $result->{over_us}, $result->{over_user_us}),
        sprintf('%.3f (%.3f)', $result->{under_us}, $result->{under_user_us}),
        sprintf('%.2f', $result->{rate}),
        sprintf('%.0f / %.0f', $result->{over_p99_us}, $result->{under_p99_us}),
        !defined $result->{goal} ? '' : sprintf('%.2f %s', $result->{goal}, $result->{reached} ? 'reached' : 'MISSED');
}

# The same for scripts; names are only ever added.
sub print_line {
    my ($result) = @_;
    my @fields = map { "$_=" . (!defined $result->{$_} ? '-' : $result->{$_} =~ /^-?\d+\.\d/ ? sprintf('%.4f', $result->{$_}) : $result->{$_}) }
        qw(row over under per pairs ratio q1 q3 rate over_us under_us over_user_us under_user_us over_system_us under_system_us
        over_busy under_busy over_p99_us under_p99_us over_p999_us under_p999_us goal reached);
    print "compare @fields\n";
}

1;
