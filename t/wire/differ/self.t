# The tester is tested: servers that are wrong on purpose are found, and what it prints is small and
# shows the mistake again; two servers that are the same are not told apart.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib", "$FindBin::Bin/../lib";
use Test::More;
use Differ::Case;
use Wire::Client;
use Wire::Server;

my $reference = $ENV{REFERENCE} // '/usr/bin/memcached';
plan skip_all => "no reference: $reference" unless -x $reference;
delete $ENV{MAKEFLAGS};
my $script = Wire::Server::dir() . '/script';

# One run of the tester against a mutant of the reference.
sub differ {
    my ($mutant, @options) = @_;
    local @ENV{qw(MEMCACHED MUTANT MUTANT_OF REFERENCE)} =
        ("$FindBin::Bin/mutant", $mutant, $reference, $reference);
    return run_client($^X, "$FindBin::Bin/run", '--no-others', '--jobs', 1, '--failures', 1, @options);
}

# The first case that a run printed.
sub printed {
    my ($said) = @_;
    return join '', map { "$_\n" } $said =~ /^#   ([tb]\d[:+&] .*)/mg;
}

my ($status, $said) = differ('none', '--kind', 'text', '--requests', 3000);
is($status, 0, 'a server is like itself') or diag($said);

# mutant, grammar, most steps that the mistake takes, what has to be in them
for my $row ([ 'delta',  'text', 2, qr/incr/ ],
             [ 'reply',  'text', 2, qr/touch/ ],
             [ 'forget', 'text', 2, qr/append c/ ],
             [ 'close',  'text', 1, qr/prepend/ ],
             [ 'silent', 'text', 2, qr/cas/ ],
             [ 'counter', 'text', 1, qr/decr/ ]) {
    my ($mutant, $kind, $steps_max, $pattern) = @$row;
    subtest $mutant => sub {
        my ($status, $said) = differ($mutant, '--kind', $kind, '--requests', 20_000);
        is($status, 1, 'is found');
        my $text = printed($said);
        my @steps = split /\n/, $text;
        ok(@steps > 0 && @steps <= $steps_max, "in $steps_max steps at most") or diag($said);
        like($text, $pattern, 'of which one is to blame');
        open my $out, '>', $script or die "$script: $!";
        print {$out} $text;
        close $out;
        ($status) = differ($mutant, '--script', $script);
        is($status, 1, 'what was printed shows it again');
        ($status, $said) = differ('none', '--script', $script);
        is($status, 0, '... in this server alone') or diag($said);
    };
}

# The text form of a case says the same bytes.
for my $bytes ("get a\r\n", " \t\\\0\xff\x7f{}{3}x", 'k' x 300, "\0" x 100, 'a@b', ' ', "\\n", '{' x 40) {
    is(Differ::Case::text_to_bytes(Differ::Case::bytes_to_text($bytes)), $bytes,
       'as text: ' . Differ::Case::bytes_to_text($bytes));
}
my $case = Differ::Case->new([ 't0', "set a 0 0 1\r\n", '+' ], [ 't0', "x\r\n", '&' ], [ 't1', ' ', ':' ]);
is_deeply([ Differ::Case->parse("# remark\n\n" . $case->to_text) ], [$case], 'a script comes back');

done_testing;
