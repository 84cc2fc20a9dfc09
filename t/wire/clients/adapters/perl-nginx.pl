# nginx with memcached_pass in front, which only reads: perl-nginx.pl HOST PORT. What it reads is
# written past it, by a plain connection to the same address.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin, "$FindBin::Bin/../../../../scripts/lib";
use File::Temp;
use HTTP::Tiny;
use IO::Socket::IP;
use MemcachedClient;
use POSIX ();
use Serve;
use Time::HiRes qw(sleep);

my ($host, $port) = @ARGV;
my $folder = File::Temp->newdir('nginx-XXXXXX', TMPDIR => 1);
my ($nginx, $web_port) = start();
my $http = HTTP::Tiny->new(timeout => 5);
my $plain;

sub configuration {
    my ($web_port) = @_;
    return <<"CONF";
daemon off;
master_process off;
pid $folder/pid;
error_log $folder/error.log;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path $folder; proxy_temp_path $folder; fastcgi_temp_path $folder;
    uwsgi_temp_path $folder; scgi_temp_path $folder;
    upstream cache { server $host:$port; keepalive 4; }
    server {
        listen 127.0.0.1:$web_port;
        location / {
            set \$memcached_key \$uri;
            memcached_pass cache;
            memcached_connect_timeout 5s;
            memcached_read_timeout 5s;
        }
    }
}
CONF
}

# Starts nginx on a free port; its process and the port.
sub start {
    for (1 .. 10) {
        my $probe = IO::Socket::IP->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1)
            or die "no free port: $!";
        my $free = $probe->sockport;
        close $probe;
        open my $file, '>', "$folder/conf" or die "$folder/conf: $!";
        print $file configuration($free);
        close $file;
        my $pid = fork // die "fork: $!";
        if (!$pid) {
            open STDOUT, '>', "$folder/out";
            open STDERR, '>&', \*STDOUT;
            exec 'nginx', '-c', "$folder/conf", '-p', "$folder/" or POSIX::_exit(127);
        }
        for (1 .. 500) {
            return ($pid, $free)
                if IO::Socket::IP->new(PeerHost => '127.0.0.1', PeerPort => $free);
            last if waitpid($pid, POSIX::WNOHANG()) == $pid;
            sleep 0.02;
        }
        kill 'KILL', $pid;
        waitpid $pid, 0;
    }
    open my $said, '<', "$folder/out";
    die join '', 'nginx does not start: ', <$said>;
}

END {
    my $status = $?;
    if ($nginx) {
        kill 'KILL', $nginx;
        waitpid $nginx, 0;
    }
    $? = $status;
}
$SIG{TERM} = sub { exit 1 };

# The one line that a command is answered with; a connection that failed is made anew the next time.
sub command {
    my ($line) = @_;
    $plain //= MemcachedClient->new($host, $port, 5) // die "cannot connect\n";
    my $answer = $plain->command($line);
    undef $plain unless defined $answer;
    return $answer // die "the connection ended\n";
}

sub store {
    my ($verb, $key, $value, $expire) = @_;
    return said(command("$verb /$key 0 $expire " . length($value) . "\r\n$value") eq 'STORED');
}

sub fetch {
    my ($key) = @_;
    my $got = $http->get("http://127.0.0.1:$web_port/$key");
    return $got->{content} if $got->{status} == 200;
    return undef if $got->{status} == 404;
    die "status $got->{status}\n";
}

sub fetch_many {
    my %found = map { ($_ => fetch($_)) } @_;
    return { map { ($_ => $found{$_}) } grep { defined $found{$_} } keys %found };
}

serve(
    set => sub { store('set', @_) },
    add => sub { store('add', @_) },
    get => sub { value(fetch($_[0])) },
    mget => sub { values_of(fetch_many(@_)) },
    touch => sub { said(command("touch /$_[0] $_[1]") eq 'TOUCHED') },
    incr => sub { number(command("incr /$_[0] $_[1]")) },
    decr => sub { number(command("decr /$_[0] $_[1]")) },
    delete => sub { said(command("delete /$_[0]") eq 'DELETED') },
);
