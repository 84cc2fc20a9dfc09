# One connection to a memcached, with a deadline on everything it does.
package MemcachedClient;

use strict;
use warnings;
use Errno qw(EINPROGRESS EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket qw(IPPROTO_TCP SOCK_STREAM SOL_SOCKET SO_ERROR TCP_NODELAY getaddrinfo);
use Time::HiRes qw(time);

# new(host, port, seconds[, seconds to connect in]): a connected client, or undef.
sub new {
    my ($class, $host, $port, $timeout, $connect_timeout) = @_;
    $timeout ||= 2;
    my ($error, $address) = getaddrinfo($host, $port, {socktype => SOCK_STREAM});
    return undef if $error;
    socket(my $socket, $address->{family}, SOCK_STREAM, 0) or return undef;
    fcntl($socket, F_SETFL, fcntl($socket, F_GETFL, 0) | O_NONBLOCK) or return undef;
    setsockopt($socket, IPPROTO_TCP, TCP_NODELAY, 1);
    my $self = bless {socket => $socket, timeout => $timeout, buffer => ''}, $class;
    if (!connect($socket, $address->{addr})) {
        return undef if $! != EINPROGRESS;
        $self->_wait(1, time + ($connect_timeout || $timeout)) or return undef;
        return undef if unpack('i', getsockopt($socket, SOL_SOCKET, SO_ERROR));
    }
    return $self;
}

# Waits until the socket can be read (or written); false once the deadline has passed.
sub _wait {
    my ($self, $for_writing, $deadline) = @_;
    my $bits = '';
    vec($bits, fileno $self->{socket}, 1) = 1;
    while (1) {
        my $left = $deadline - time;
        return 0 if $left <= 0;
        my $copy = $bits;
        my $count = $for_writing
            ? select(undef, $copy, undef, $left)
            : select($copy, undef, undef, $left);
        return 1 if $count > 0;
        return 0 if $count < 0 && $! != EINTR;
    }
}

# Sends all of the bytes; false on failure.
sub send_bytes {
    my ($self, $bytes) = @_;
    my $deadline = time + $self->{timeout};
    while (length $bytes) {
        my $count = syswrite($self->{socket}, $bytes);
        if (defined $count) {
            substr($bytes, 0, $count, '');
        } elsif ($! == EWOULDBLOCK || $! == EINTR) {
            $self->_wait(1, $deadline) or return 0;
        } else {
            return 0;
        }
    }
    return 1;
}

sub _fill {
    my ($self, $deadline) = @_;
    while (1) {
        my $count = sysread($self->{socket}, $self->{buffer}, 65536, length $self->{buffer});
        return $count if defined $count;
        return 0 if $! != EWOULDBLOCK && $! != EINTR;
        $self->_wait(0, $deadline) or return 0;
    }
}

# One line without its end, or undef when the connection or the deadline ended first.
sub read_line {
    my ($self) = @_;
    my $deadline = time + $self->{timeout};
    my $end;
    while (($end = index($self->{buffer}, "\r\n")) < 0) {
        $self->_fill($deadline) or return undef;
    }
    my $line = substr($self->{buffer}, 0, $end);
    substr($self->{buffer}, 0, $end + 2, '');
    return $line;
}

sub read_bytes {
    my ($self, $length) = @_;
    my $deadline = time + $self->{timeout};
    while (length $self->{buffer} < $length) {
        $self->_fill($deadline) or return undef;
    }
    return substr($self->{buffer}, 0, $length, '');
}

# Sends one command line and returns the one line of its answer, or undef.
sub command {
    my ($self, $line) = @_;
    $self->send_bytes("$line\r\n") or return undef;
    return $self->read_line;
}

# set(key, value, flags, exptime): the answer line, or undef.
sub set {
    my ($self, $key, $value, $flags, $exptime) = @_;
    return $self->command(sprintf "set %s %d %d %d\r\n%s",
        $key, $flags || 0, $exptime || 0, length $value, $value);
}

# gets(key...): key -> {value, flags, cas} of those present, or undef when the connection failed.
sub gets {
    my ($self, @keys) = @_;
    my %items;
    while (my @some = splice @keys, 0, 50) {
        $self->send_bytes("gets @some\r\n") or return undef;
        while (1) {
            my $line = $self->read_line;
            return undef if !defined $line;
            last if $line eq 'END';
            my ($key, $flags, $length, $cas) =
                $line =~ /^VALUE (\S+) (\d+) (\d+) (\d+)$/ or return undef;
            my $value = $self->read_bytes($length + 2);
            return undef if !defined $value || substr($value, -2, 2, '') ne "\r\n";
            $items{$key} = {value => $value, flags => $flags, cas => $cas};
        }
    }
    return \%items;
}

# stats(group): name -> value, or undef.
sub stats {
    my ($self, $group) = @_;
    $self->send_bytes(defined $group && length $group ? "stats $group\r\n" : "stats\r\n")
        or return undef;
    my %stats;
    while (1) {
        my $line = $self->read_line;
        return undef if !defined $line;
        return \%stats if $line eq 'END';
        return undef if $line !~ /^STAT (\S+) ?(.*)$/;
        $stats{$1} = $2;
    }
}

# role(): (role, state, operations the peer is behind), or the empty list.
sub role {
    my ($self) = @_;
    my $line = $self->command('repl role');
    return defined $line && $line =~ /^ROLE (\S+) (\S+) (\d+)$/ ? ($1, $2, $3) : ();
}

1;
