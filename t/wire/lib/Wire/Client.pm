package Wire::Client;

# Runs a client program against a server.

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use Wire::Server;

our @EXPORT = qw(need_program need_ok run_client script_is);

# Skips the whole script, loudly, if the program is not there.
sub need_program {
    my ($program, $package) = @_;
    my ($path) = grep { -x $_ } map { "$_/$program" } split /:/, "$ENV{PATH}:/usr/bin";
    _skip($program, $package) unless $path;
    return $path;
}

# The same if this command fails.
sub need_ok {
    my ($what, $package, @command) = @_;
    my ($status) = run_client(@command);
    _skip($what, $package) if $status;
    return 1;
}

sub _skip {
    my ($what, $package) = @_;
    diag("$0: SKIPPED: $what is missing (package $package)");
    plan skip_all => "$what is missing (package $package)";
}

# Runs a command; returns its exit status (256 and more: killed) and all it said.
my $runs = 0;
sub run_client {
    my (@command) = @_;
    my $said = Wire::Server::dir() . '/client.' . $runs++;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $said;
        open STDERR, '>&', \*STDOUT;
        exec 'timeout', '120', @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    my $status = $? & 127 ? 256 + ($? & 127) : $? >> 8;
    open my $in, '<', $said or return ($status, '');
    local $/;
    return ($status, <$in> // '');
}

# Runs a client's script that prints `ok NAME` and `not ok NAME` lines, ended by `done`.
sub script_is {
    my ($name, @command) = @_;
    my ($status, $said) = run_client(@command);
    is($status, 0, "$name ends with status 0") or diag($said);
    for my $line (split /\n/, $said) {
        if ($line =~ /^(not )?ok (.*)/) {
            local $Test::Builder::Level = $Test::Builder::Level + 1;
            ok(!$1, "$name: $2");
        } elsif ($line ne 'done') {
            diag($line);
        }
    }
    like($said, qr/^done$/m, "$name went through");
}

1;
