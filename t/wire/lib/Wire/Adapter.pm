package Wire::Adapter;

# Client libraries of other languages behind one line protocol, so that one table of cases and one
# model of a fail-over serve all of them.
#
#   for my $client (Wire::Adapter::clients('python')) {
#       my $why_not = $client->missing;                     # and skip, loudly
#       my $adapter = $client->open('127.0.0.1', $port);    # a process with one client in it
#       $adapter->ask('set key value 0');                   # 'ok'
#   }
#
# An adapter is a program in t/wire/clients/adapters: HOST PORT and what its row says are its
# arguments. It reads a line and answers with a line, until its input ends; it keeps its client, and
# whatever that makes of a connection that broke, all the time. Words hold no blanks.
#
#   set KEY VALUE EXPTIME       ok, no
#   add KEY VALUE EXPTIME       ok, no
#   get KEY                     value VALUE, miss
#   mget KEY...                 values KEY=VALUE..., of those that are there
#   touch KEY EXPTIME           ok, no
#   incr KEY N, decr KEY N      number N, miss
#   delete KEY                  ok, no
#   any of them                 error TEXT; unsupported: the library has no such thing

use strict;
use warnings;
use Cwd qw(abs_path);
use Fcntl qw(LOCK_EX);
use File::Basename qw(dirname);
use File::Compare ();
use File::Copy ();
use File::Path qw(make_path);
use File::Temp;
use IO::Select;
use POSIX ();
use Time::HiRes qw(time);

use constant ANSWER_SECONDS => 60;

my $root = abs_path(dirname(__FILE__) . '/../../../..');
my $folder = "$root/t/wire/clients/adapters";

# What has to be installed or compiled first lies here; scripts/run-tests builds beside it.
my $built = $ENV{CLIENTS_BUILD} || "$root/build/clients";

# A row a client. lacks: commands that the library does not have. quiet: commands that answer alike
# where there is nothing and where the server could not be reached. COMMAND_of_miss: what it makes of
# a miss, if not the plain answer. own_expiry: it knows one expiry for all. key_prefix: what it puts
# before a key. probe: a command that fails where the client is missing.
my $all = [qw(set add get mget touch incr decr delete)];
my @python = ('/usr/bin/python3', '-c');
my @perl = ($^X, '-e');
my @php = ('php', '-r');
my @rows = (
    {
        name => 'pymemcache', language => 'python', package => 'python3-pymemcache',
        probe => [ @python, 'import pymemcache' ], program => 'python-pymemcache.py',
    },
    {
        name => 'pylibmc, text', language => 'python', package => 'python3-pylibmc',
        probe => [ @python, 'import pylibmc' ], program => 'python-pylibmc.py', arguments => ['text'],
        quiet => ['mget'],
    },
    {
        name => 'pylibmc, binary', language => 'python', package => 'python3-pylibmc',
        probe => [ @python, 'import pylibmc' ], program => 'python-pylibmc.py', arguments => ['binary'],
        quiet => ['mget'],
    },
    {
        name => 'python-memcached', language => 'python', package => 'python3-memcache',
        probe => [ @python, 'import memcache' ], program => 'python-memcache.py',
        quiet => $all, delete_of_miss => 'ok',
    },
    {
        name => 'php-memcached, text', language => 'php', package => 'php-memcached',
        probe => [ @php, 'exit(class_exists("Memcached") ? 0 : 1);' ],
        program => 'php-memcached.php', arguments => ['text'],
    },
    {
        name => 'php-memcached, binary', language => 'php', package => 'php-memcached',
        probe => [ @php, 'exit(class_exists("Memcached") ? 0 : 1);' ],
        program => 'php-memcached.php', arguments => ['binary'],
    },
    {
        name => 'php-memcached sessions, text', language => 'php', package => 'php-memcached',
        probe => [ @php, 'exit(class_exists("Memcached") ? 0 : 1);' ],
        program => 'php-sessions.php', arguments => ['text'], lacks => [qw(add mget touch decr)],
        own_expiry => 1, delete_of_miss => 'ok', incr_of_miss => 'number 1',
    },
    {
        name => 'php-memcached sessions, binary', language => 'php', package => 'php-memcached',
        probe => [ @php, 'exit(class_exists("Memcached") ? 0 : 1);' ],
        program => 'php-sessions.php', arguments => ['binary'], lacks => [qw(add mget touch decr)],
        own_expiry => 1, delete_of_miss => 'ok', incr_of_miss => 'number 1',
    },
    {
        name => 'php-memcache', language => 'php', package => 'php-memcache',
        probe => [ @php, 'exit(class_exists("Memcache") ? 0 : 1);' ],
        program => 'php-memcache.php', lacks => ['touch'], quiet => $all,
    },
    {
        name => 'Cache::Memcached', language => 'perl', package => 'libcache-memcached-perl',
        probe => [ @perl, 'use Cache::Memcached' ],
        program => 'perl-cache-memcached.pl', lacks => ['touch'], quiet => $all,
    },
    {
        name => 'Cache::Memcached::Fast', language => 'perl', package => 'libcache-memcached-fast-perl',
        probe => [ @perl, 'use Cache::Memcached::Fast' ],
        program => 'perl-cache-memcached-fast.pl', quiet => $all,
    },
    {
        name => 'nginx memcached_pass', language => 'nginx', package => 'nginx',
        probe => [ 'nginx', '-v' ], program => 'perl-nginx.pl', key_prefix => '/',
    },
    {
        name => 'dalli', language => 'ruby', package => 'ruby-dalli',
        probe => [ 'ruby', '-e', 'require "dalli"' ], program => 'ruby-dalli.rb',
        quiet => ['mget'],
    },
    {
        name => 'memjs', language => 'node', package => 'npm and its memjs',
        prepare => \&_node_modules, program => 'node-memjs.js',
        incr_of_miss => 'number 0',
    },
    {
        name => 'npm memcached', language => 'node', package => 'npm and its memcached',
        prepare => \&_node_modules, program => 'node-memcached.js',
    },
    {
        name => 'npm memcache-client', language => 'node', package => 'npm and its memcache-client',
        prepare => \&_node_modules, program => 'node-memcache-client.js',
    },
    {
        name => 'gomemcache', language => 'go',
        package => 'golang-go golang-github-bradfitz-gomemcache-dev',
        prepare => \&_go_program, program => "$built/gomemcache",
    },
);
my %interpreter = (py => '/usr/bin/python3', php => 'php', pl => $^X, rb => 'ruby', js => 'node');

# The clients of a language, or all.
sub clients {
    my ($language) = @_;
    return map { bless { %$_ }, __PACKAGE__ }
        grep { !defined $language || $_->{language} eq $language } @rows;
}

sub name { return $_[0]{name} }
sub server_key { my ($self, $key) = @_; return ($self->{key_prefix} // '') . $key }
sub _lists {
    my ($self, $list, $command) = @_;
    return scalar grep { $_ eq $command } @{ $self->{$list} // [] };
}
sub lacks { my ($self, $command) = @_; return $self->_lists('lacks', $command) }
sub is_quiet { my ($self, $command) = @_; return $self->_lists('quiet', $command) }

# Why it cannot be used here; undef: it can.
sub missing {
    my ($self) = @_;
    return undef if $self->{prepare} ? $self->{prepare}->() : _works(@{ $self->{probe} });
    return "$self->{name} is missing (package $self->{package})";
}

# Runs a command in silence; true if it succeeds.
sub _works {
    my (@command) = @_;
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', '/dev/null';
        open STDERR, '>&', \*STDOUT;
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    waitpid $pid, 0;
    return $? == 0;
}

# Makes something once, whoever comes first; true if it is there then. What it is made from is
# compared with the copy that lies beside it.
my %is_made;
sub _once {
    my ($name, $source, $make) = @_;
    return $is_made{$name} if defined $is_made{$name};
    make_path($built);
    open my $lock, '>>', "$built/lock" or die "$built/lock: $!";
    flock $lock, LOCK_EX or die "flock: $!";
    my $copy = "$built/$name.made";
    my $made = File::Compare::compare($source, $copy) == 0 || $make->();
    File::Copy::copy($source, $copy) if $made;
    return $is_made{$name} = $made ? 1 : 0;
}

sub _node_modules {
    return _once('node', "$folder/package-lock.json", sub {
        return 0 unless _works(qw(npm --version));
        make_path("$built/node");
        File::Copy::copy("$folder/$_", "$built/node/$_") for qw(package.json package-lock.json);
        return _works('timeout', 300, qw(npm ci --no-audit --no-fund --ignore-scripts --prefix),
                      "$built/node");
    });
}

sub _go_program {
    return _once('go', "$folder/go-gomemcache.go", sub {
        local @ENV{qw(GO111MODULE GOPATH GOCACHE GOFLAGS)} =
            ('off', '/usr/share/gocode', "$built/go-cache", '');
        return _works(qw(go build -o), "$built/gomemcache", "$folder/go-gomemcache.go");
    });
}

# Starts an adapter. within: a command to run it by, such as nsenter with its arguments.
sub open {
    my ($self, $host, $port, %how) = @_;
    my $program = $self->{program} =~ m{^/} ? $self->{program} : "$folder/$self->{program}";
    my ($suffix) = $program =~ /\.(\w+)\z/;
    my @command = (@{ $how{within} // [] }, $suffix ? $interpreter{$suffix} : (), $program, $host, $port,
                   @{ $self->{arguments} // [] });
    my $adapter = bless { %$self, stderr => File::Temp->new, buffer => '', owner => $$ },
        'Wire::Adapter::Process';
    pipe my $in, $adapter->{to} or die "pipe: $!";
    pipe $adapter->{from}, my $out or die "pipe: $!";
    my $pid = fork // die "fork: $!";
    if (!$pid) {
        $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP PIPE);
        $ENV{NODE_PATH} = "$built/node/node_modules";
        open STDIN, '<&', $in;
        open STDOUT, '>&', $out;
        open STDERR, '>&', $adapter->{stderr};
        exec { $command[0] } @command or POSIX::_exit(127);
    }
    $adapter->{pid} = $pid;
    $adapter->{to}->autoflush(1);
    return $adapter;
}

# A client at work.
package Wire::Adapter::Process;

use IO::Handle;
use Time::HiRes qw(sleep time);

our @ISA = ('Wire::Adapter');

# The answer to a line. One that does not come, or an adapter that ends, is an end to the test.
sub ask {
    my ($self, $line, $seconds) = @_;
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{to} } "$line\n";
    my $deadline = time + ($seconds // Wire::Adapter::ANSWER_SECONDS);
    my $select = IO::Select->new($self->{from});
    my $end;
    while (($end = index $self->{buffer}, "\n") < 0) {
        my $left = $deadline - time;
        die $self->complaint("has no answer to $line") if $left <= 0 || !$select->can_read($left);
        sysread $self->{from}, $self->{buffer}, 65536, length $self->{buffer}
            or die $self->complaint("ended at $line");
    }
    my $answer = substr $self->{buffer}, 0, $end, '';
    substr $self->{buffer}, 0, 1, '';
    return $answer;
}

sub complaint {
    my ($self, $what) = @_;
    seek $self->{stderr}, 0, 0;
    my $said = do { local $/; readline $self->{stderr} } // '';
    return "$self->{name} " . substr($what, 0, 200) . "; it said: $said\n";
}

# Ends the adapter by the end of its input; kills it if that is not enough.
sub close {
    my ($self) = @_;
    return if !$self->{pid} || $self->{owner} != $$;
    close $self->{to};
    my $deadline = time + 5;
    until (waitpid($self->{pid}, POSIX::WNOHANG()) == $self->{pid}) {
        if (time > $deadline) {
            kill 'KILL', $self->{pid};
            waitpid $self->{pid}, 0;
            last;
        }
        sleep 0.01;
    }
    $self->{pid} = 0;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);
    $self->close;
}

1;
