package Wire::Conn;

# A client's connection: bytes out, bytes in, each with a deadline.
#
# Reading returns what arrived when the deadline passes or the server closes, so that a failing
# comparison shows it; nothing here dies but a connection that cannot be made.

use strict;
use warnings;
use Errno qw(EAGAIN EWOULDBLOCK EINTR EINPROGRESS);
use IO::Select;
use IO::Socket::IP;
use IO::Socket::UNIX;
use Socket qw(SOL_SOCKET SO_RCVBUF IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

# `user password` of a server with -Y: every connection opened from now on begins with it.
my $user;
sub log_in_as { my ($class, $user_and_password) = @_; $user = $user_and_password }

# to: a port of 127.0.0.1, [host, port] or the path of a unix socket. receive_bytes: size of the
# kernel's receive buffer, for a client that is slow on purpose.
sub open {
    my ($class, $to, %how) = @_;
    my $self = bless { in => '', at_eof => 0, to => $to }, $class;
    $self->{sock} = _connect($to, $how{receive_bytes});
    return undef unless $self->{sock};
    $self->{sock}->blocking(0);
    setsockopt($self->{sock}, IPPROTO_TCP, TCP_NODELAY, 1) unless $to =~ m{^/};
    return undef if defined $user && $self->log_in($user) ne "STORED\r\n";
    return $self;
}

# Says who the client is; returns the answer.
sub log_in {
    my ($self, $user_and_password) = @_;
    $self->put('set login 0 0 ' . length($user_and_password) . "\r\n$user_and_password\r\n");
    return $self->line;
}

sub _connect {
    my ($to, $receive_bytes) = @_;
    return IO::Socket::UNIX->new(Peer => $to) if !ref $to && $to =~ m{^/};
    my ($host, $port) = ref $to ? @$to : ('127.0.0.1', $to);
    my @options = $receive_bytes ? (Sockopts => [ [ SOL_SOCKET, SO_RCVBUF, $receive_bytes ] ]) : ();
    return IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Proto => 'tcp', @options);
}

sub timeout { return Wire::Server::timeout() }

sub _temporary { return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR }

# Takes in whatever has arrived; false at the end of the connection.
sub _receive {
    my ($self) = @_;
    my $count = sysread $self->{sock}, $self->{in}, 262144, length $self->{in};
    return 1 if $count || (!defined $count && _temporary());
    $self->{at_eof} = 1;
    return 0;
}

# Writes all of it, taking in meanwhile what the server answers (deaf: not even that). Returns the
# number of bytes written: fewer than asked for when the server closed or took no more.
sub put {
    my ($self, $bytes, %how) = @_;
    my ($sock, $done, $end) = ($self->{sock}, 0, time + ($how{seconds} // timeout()));
    local $SIG{PIPE} = 'IGNORE';
    while ($done < length $bytes) {
        my $count = syswrite $sock, $bytes, length($bytes) - $done, $done;
        if (defined $count) { $done += $count; next }
        last if !_temporary() || time > $end;
        my $write = IO::Select->new($sock);
        my $read = $how{deaf} || $self->{at_eof} ? undef : IO::Select->new($sock);
        my ($readable) = IO::Select->select($read, $write, undef, 0.1);
        $self->_receive if $readable && @$readable;
    }
    return $done;
}

# Receives until the condition holds, the server closes, or the time is over; true if it holds.
sub _wait_for {
    my ($self, $holds, $seconds) = @_;
    my $end = time + ($seconds // timeout());
    my $select = IO::Select->new($self->{sock});
    until ($holds->()) {
        my $left = $end - time;
        return 0 if $self->{at_eof} || $left <= 0;
        $self->_receive if $select->can_read($left);
    }
    return 1;
}

# Exactly this many bytes, or what came instead.
sub take {
    my ($self, $count, $seconds) = @_;
    $self->_wait_for(sub { length $self->{in} >= $count }, $seconds);
    return substr $self->{in}, 0, $count, '';
}

# One line with its end, or what came instead.
sub line {
    my ($self, $seconds) = @_;
    $self->_wait_for(sub { index($self->{in}, "\n") >= 0 }, $seconds);
    my $at = index $self->{in}, "\n";
    return substr $self->{in}, 0, $at < 0 ? length $self->{in} : $at + 1, '';
}

# All bytes up to and with the end mark, or what came instead.
sub take_past {
    my ($self, $mark, $seconds) = @_;
    my $found = $self->_wait_for(sub { index($self->{in}, $mark) >= 0 }, $seconds);
    my $at = index $self->{in}, $mark;
    return substr $self->{in}, 0, $found ? $at + length $mark : length $self->{in}, '';
}

# These bytes if they come, else what comes instead, up to a `MN` line.
sub take_expected {
    my ($self, $want, $seconds) = @_;
    my $checked = 0;
    my $is_decided = sub {
        my $have = length $self->{in};
        $have = length $want if $have > length $want;
        my $agrees = substr($self->{in}, $checked, $have - $checked)
            eq substr($want, $checked, $have - $checked);
        $checked = $have if $agrees;
        return $agrees ? $have == length $want : index($self->{in}, "MN\r\n", $checked) >= 0;
    };
    my $decided = $self->_wait_for($is_decided, $seconds);
    return $self->take(length $want) if $checked == length $want;
    return $self->take($decided ? index($self->{in}, "MN\r\n", $checked) + 4 : length $self->{in});
}

# All bytes up to where their end matches the pattern, or what came instead.
sub take_ending {
    my ($self, $pattern, $seconds) = @_;
    $self->_wait_for(sub { substr($self->{in}, -200) =~ $pattern }, $seconds);
    return substr $self->{in}, 0, length $self->{in}, '';
}

# Leaves this connection and makes a new one to the same address.
sub reconnect {
    my ($self) = @_;
    $self->close;
    my $new = Wire::Conn->open($self->{to}) or return 0;
    %$self = %$new;
    return 1;
}

# Everything until the server closes; undef if it does not.
sub take_all {
    my ($self, $seconds) = @_;
    $self->_wait_for(sub { 0 }, $seconds);
    return undef unless $self->{at_eof};
    return substr $self->{in}, 0, length $self->{in}, '';
}

# True once the server has closed the connection.
sub closed {
    my ($self, $seconds) = @_;
    return defined $self->take_all($seconds);
}

# The reply to a request, whatever it is: a `mn` behind the request marks its end.
sub ask {
    my ($self, $request, $seconds) = @_;
    $self->put($request . "mn\r\n");
    my $reply = $self->take_past("MN\r\n", $seconds);
    $reply =~ s/MN\r\n\z//;
    return $reply;
}

# One command line, one reply line.
sub command {
    my ($self, $line) = @_;
    $self->put("$line\r\n");
    return $self->line;
}

# Stores; returns the reply line.
sub set {
    my ($self, $key, $value, $flags, $exptime) = @_;
    $self->put(sprintf "set %s %s %s %d\r\n%s\r\n", $key, $flags // 0, $exptime // 0,
               length $value, $value);
    return $self->line;
}

# The reply to a retrieval line as a list of {key, flags, value, cas}; undef when it makes no sense.
sub retrieve {
    my ($self, $line) = @_;
    $self->put("$line\r\n");
    my @items;
    while (1) {
        my $head = $self->line;
        return \@items if $head eq "END\r\n";
        $head =~ /^VALUE ([^ ]+) (\d+) (\d+)(?: (\d+))?\r\n\z/ or return undef;
        my %item = (key => $1, flags => $2, cas => $4);
        my $length = $3;
        my $data = $self->take($length + 2);
        $data =~ s/\r\n\z// or return undef;
        push @items, { %item, value => $data };
    }
}

# A key's value, or undef.
sub get {
    my ($self, $key) = @_;
    my $items = $self->retrieve("get $key") or return '(a reply that is none)';
    return @$items ? $items->[0]{value} : undef;
}

# A key's CAS value, or undef.
sub cas_of {
    my ($self, $key) = @_;
    my $items = $self->retrieve("gets $key") or return undef;
    return @$items ? $items->[0]{cas} : undef;
}

# `stats` or `stats <group>` as a hash.
sub stats {
    my ($self, $group) = @_;
    $self->put(defined $group ? "stats $group\r\n" : "stats\r\n");
    my %stats;
    while (1) {
        my $line = $self->line;
        last unless $line =~ /^STAT (\S+) ?(.*?)\r\n\z/;
        $stats{$1} = $2;
    }
    return \%stats;
}

sub close {
    my ($self) = @_;
    close $self->{sock};
}

1;
