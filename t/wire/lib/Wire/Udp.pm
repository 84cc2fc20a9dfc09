package Wire::Udp;

# A client by UDP: framed requests out, framed replies in, each reading with a deadline.
#
# A reply is a hash: id, total, data (its payload, put together), count (datagrams it came in).

use strict;
use warnings;
use Errno qw(EAGAIN EWOULDBLOCK EINTR);
use IO::Select;
use IO::Socket::IP;
use Socket qw(SOL_SOCKET SO_RCVBUF SOCK_DGRAM);
use Time::HiRes qw(time);
use Wire::Server;

# to: a port of 127.0.0.1 or [host, port].
sub open {
    my ($class, $to) = @_;
    my ($host, $port) = ref $to ? @$to : ('127.0.0.1', $to);
    my $sock = IO::Socket::IP->new(PeerHost => $host, PeerPort => $port, Type => SOCK_DGRAM)
        or return undef;
    setsockopt $sock, SOL_SOCKET, SO_RCVBUF, 4 << 20;
    $sock->blocking(0);
    return bless { sock => $sock, id => 0 }, $class;
}

# A datagram of exactly these bytes.
sub put {
    my ($self, $bytes) = @_;
    return send $self->{sock}, $bytes, 0;
}

sub frame {
    my ($id, $payload, %field) = @_;
    return pack('nnnn', $id, $field{sequence} // 0, $field{total} // 1, $field{reserved} // 0)
        . $payload;
}

# A request of the next number; returns that number.
sub request {
    my ($self, $payload, %field) = @_;
    my $id = $self->{id} = ($self->{id} + 1) & 0xffff;
    $self->put(frame($id, $payload, %field));
    return $id;
}

# The next datagram; undef when the deadline passes.
sub datagram {
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // Wire::Server::timeout());
    my $select = IO::Select->new($self->{sock});
    while (1) {
        my $bytes;
        return $bytes if defined recv $self->{sock}, $bytes, 65536, 0;
        return undef unless $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR;
        my $left = $end - time;
        return undef if $left <= 0;
        $select->can_read($left);
    }
}

# The next reply, its datagrams in whatever order; undef when they do not all come, or do not
# belong together. Replies without a payload are passed over: memcached 1.6 sends them where a
# request or a key has no answer.
sub reply {
    my ($self, $seconds) = @_;
    my ($id, $total, @parts);
    while (1) {
        my $datagram = $self->datagram($seconds) // return undef;
        return undef if length $datagram < 8;
        my ($its_id, $sequence, $its_total, $reserved) = unpack 'nnnn', $datagram;
        my $payload = substr $datagram, 8;
        next if $its_total == 0 && $payload eq '' && !defined $id;
        ($id, $total) = ($its_id, $its_total) unless defined $id;
        return undef if $its_id != $id || $its_total != $total || $reserved != 0
            || $sequence >= $total || defined $parts[$sequence];
        $parts[$sequence] = $payload;
        next if $total != grep { defined } @parts;
        return { id => $id, total => $total, count => scalar @parts, data => join('', @parts) };
    }
}

# All that is replied to these requests, as one string: a `mn` behind them marks the end. Undef if
# it does not come, or comes with another number.
sub ask {
    my ($self, $requests) = @_;
    my $id = $self->request($requests . "mn\r\n");
    my $said = '';
    while (1) {
        my $reply = $self->reply // return undef;
        return undef if $reply->{id} != $id;
        return $said if $reply->{data} eq "MN\r\n";
        $said .= $reply->{data};
    }
}

sub close {
    my ($self) = @_;
    close $self->{sock};
}

1;
