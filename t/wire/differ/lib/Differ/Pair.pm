package Differ::Pair;

# Two servers, ours and the reference, that are sent the same; and what each of them replied.
#
# The end of a reply is marked by a fence: a request that nothing else looks like, whose reply
# repeats a number. A fence that is swallowed (a value that is shorter than announced) is followed by
# further ones, with filler, to both servers, until both have answered or closed.

use strict;
use warnings;
use Errno qw(EAGAIN EINTR EINPROGRESS);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use Socket qw(PF_INET SOCK_STREAM SOCK_DGRAM SOL_SOCKET SO_RCVBUF IPPROTO_TCP TCP_NODELAY inet_aton
              pack_sockaddr_in);
use Time::HiRes qw(time sleep);
use Wire::Server;

use constant {
    SIDES             => 2,
    FENCE_PATIENCE    => 0.02,     # seconds before the first further fence; doubles each time
    FENCES_MAX        => 6,        # then both count as silent
    FILLER_FROM       => 4,        # the fence from which on filler is sent before it
    KEY_BYTES_MAX     => 250,
    CAS_BASE          => 1_000_000_000_000,
    CAS_STEP          => 1_000_000,
    FILLER_BYTES      => 1 << 17,
    FILLER_NOOPS      => 3000,
    SPLIT_PAUSE       => 0.0003,   # seconds, for the servers to read one write before the next
    START_FRACTION    => 0.5,      # of a second, in which both servers are started
    START_ATTEMPTS    => 50,
    UDP_BUFFER_BYTES  => 4 << 20,
    UDP_BYTES_MAX     => 65536,
    FRAME_BYTES       => 8,
    CONNECTION_BROKEN => "\n(closed)\n",
    CONNECTION_SILENT => "\n(silent)\n",
};

# programs: [ours, reference]; options: of both.
sub new {
    my ($class, $programs, @options) = @_;
    return bless { programs => $programs, options => [@options], fence => 0 }, $class;
}

# `-U free` among the options is a port that nobody has.
sub _start_server {
    my ($self, $program) = @_;
    my $udp_port;
    my @options = map { $_ eq 'free' ? $udp_port = Wire::Server::free_udp_port() : $_ } @{ $self->{options} };
    my $server = Wire::Server->start_program($program, @options);
    $server->{udp_port} = $udp_port;
    return $server;
}

# Starts both within one second, as their clocks count.
sub _start_servers {
    my ($self) = @_;
    for (1 .. START_ATTEMPTS) {
        my $fraction = time - int time;
        sleep 1 - $fraction if $fraction > START_FRACTION;
        my $second = int time;
        my @servers = map { $self->_start_server($_) } @{ $self->{programs} };
        return \@servers if int time == $second;
        $_->end for @servers;
    }
    die "the servers do not start within one second\n";
}

sub start {
    my ($self) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->{servers} = $self->_start_servers;
    for my $protocol (qw(port udp_port)) {
        $self->{$protocol} = [ map { pack_sockaddr_in($_->{$protocol} // 0, inet_aton('127.0.0.1')) }
                               @{ $self->{servers} } ];
    }
    $self->{control} = $self->_connect('t');
    # 1 is nobody's CAS value from here on
    $_->{out} .= "set ~ 0 0 0 noreply\r\n\r\n" x 2 . "delete ~ noreply\r\n" for @{ $self->{control}{sides} };
    $self->_replies($self->{control});
    return $self;
}

# Ends both; returns what was wrong with how ours did it.
sub stop {
    my ($self) = @_;
    my $servers = delete $self->{servers} or return '';
    $self->_close($_) for delete $self->{control}, values %{ delete $self->{connections} // {} };
    my @complaints = map { $_->end } @$servers;
    return $complaints[0];
}

sub restart { my ($self) = @_; my $complaint = $self->stop; $self->start; return $complaint }

sub is_alive { my ($self) = @_; return !grep { $_->ended } @{ $self->{servers} } }

# ---- connections -------------------------------------------------------------------------------

# One of each server: {sock, in, out, at_eof, is_udp}.
sub _connect {
    my ($self, $kind) = @_;
    my $is_udp = $kind eq 'u';
    my @sides;
    for my $address (@{ $self->{ $is_udp ? 'udp_port' : 'port' } }) {
        socket my $sock, PF_INET, $is_udp ? SOCK_DGRAM : SOCK_STREAM, 0 or die "socket: $!";
        $is_udp ? setsockopt $sock, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER_BYTES
            : setsockopt $sock, IPPROTO_TCP, TCP_NODELAY, 1;
        my $is_refused = !connect $sock, $address;
        fcntl $sock, F_SETFL, O_NONBLOCK | fcntl $sock, F_GETFL, 0;
        push @sides, { sock => $sock, fileno => fileno $sock, in => '', out => '',
                       at_eof => $is_refused, is_udp => $is_udp };
    }
    return { kind => $kind, sides => \@sides, waits => 0 };
}

sub _close { my ($self, $conn) = @_; close $_->{sock} for $conn ? @{ $conn->{sides} } : () }

sub _temporary { return $! == EAGAIN || $! == EINTR }

# Of datagrams only the payload counts, and which request it answers: one server may say in several
# what the other says in one.
sub _receive_datagram {
    my ($side) = @_;
    recv $side->{sock}, my $datagram, UDP_BYTES_MAX, 0;
    return unless length $datagram >= FRAME_BYTES;
    my ($id) = unpack 'n', $datagram;
    my $payload = substr $datagram, FRAME_BYTES;
    return if $payload eq '';
    $side->{in} .= "\n[$id]\n" if ($side->{id} // -1) != $id;
    $side->{id} = $id;
    $side->{in} .= $payload;
}

sub _receive {
    my ($side) = @_;
    return _receive_datagram($side) if $side->{is_udp};
    my $count = sysread $side->{sock}, $side->{in}, 262144, length $side->{in};
    $side->{at_eof} = 1 unless $count || (!defined $count && _temporary());
}

# What is sent by UDP goes at once, a datagram for each call.
sub _put {
    my ($side, $bytes) = @_;
    return if $side->{at_eof};
    return $side->{out} .= $bytes unless $side->{is_udp};
    send $side->{sock}, $bytes, 0;
}

sub _send {
    my ($side) = @_;
    return if $side->{is_udp};
    my $count = syswrite $side->{sock}, $side->{out};
    if (defined $count) {
        substr $side->{out}, 0, $count, '';
    } elsif (!_temporary()) {
        $side->{out} = '';    # the end of the connection will be read
    }
}

# Moves bytes of these sides for at most so many seconds, or until something has moved.
sub _move {
    my ($sides, $seconds) = @_;
    my ($readable, $writable) = ('', '');
    for my $side (@$sides) {
        next if $side->{at_eof};
        vec($readable, $side->{fileno}, 1) = 1;
        vec($writable, $side->{fileno}, 1) = 1 if length $side->{out};
    }
    return unless select($readable, $writable, undef, $seconds) > 0;
    for my $side (@$sides) {
        next if $side->{at_eof};
        _send($side) if length $side->{out} && vec $writable, $side->{fileno}, 1;
        _receive($side) if vec $readable, $side->{fileno}, 1;
    }
}

# A fence as [request, reply]; of each kind of connection.
my %fences = (
    t => sub { my ($n) = @_; return ("mg ~fence k O$n\r\n", "EN k~fence O$n\r\n") },
    b => sub {
        my ($n) = @_;
        return (pack('CCnCCnNNx8', 0x80, 0x0a, 0, 0, 0, 0, 0, 0xfe000000 | $n),
                pack('CCnCCnNNx8', 0x81, 0x0a, 0, 0, 0, 0, 0, 0xfe000000 | $n));
    },
    u => sub {
        my ($n) = @_;
        return (pack('nnnn', $n & 0xffff, 0, 1, 0) . "mg ~fence k O$n\r\n",
                "\n[" . ($n & 0xffff) . "]\nEN k~fence O$n\r\n");
    },
);

# What completes a value that was begun: of the protocols that have values in pieces.
my %fillers = (t => "\r\n" x (FILLER_BYTES / 2), b => pack('CCx22', 0x80, 0x0a) x FILLER_NOOPS, u => '');

# Sends a fence behind what was sent, and waits until both sides have answered it or closed.
# Returns how many fences it took; 0: one of them says nothing.
sub _await {
    my ($self, $conn) = @_;
    my $sides = $conn->{sides};
    $conn->{waits} = 0;
    my $patience = FENCE_PATIENCE;
    for my $attempt (1 .. FENCES_MAX) {
        my ($request, $reply) = $fences{ $conn->{kind} }->(++$self->{fence} & 0xffffff);
        for my $side (@$sides) {
            next if $side->{at_eof};
            _put($side, $fillers{ $conn->{kind} }) if $attempt >= FILLER_FROM && $conn->{kind} ne 'u';
            _put($side, $request);
            _send($side);
        }
        my $end = time + ($patience *= 2);
        while (1) {
            my @left = grep { !$_->{at_eof} && substr($_->{in}, -length $reply) ne $reply } @$sides;
            return $attempt unless @left;
            my $seconds = $end - time;
            last if $seconds <= 0;
            _move(\@left, $seconds);
        }
    }
    return 0;
}

# The replies to what was sent on the connection since the last time: one a side.
sub _replies {
    my ($self, $conn) = @_;
    my $attempts = $self->_await($conn);
    my @replies;
    for my $side (@{ $conn->{sides} }) {
        push @replies, $side->{in} . ($side->{at_eof} ? CONNECTION_BROKEN
                                      : $attempts ? '' : CONNECTION_SILENT);
        $side->{in} = '';
    }
    if (!$attempts) {
        $_->{at_eof} = 1 for @{ $conn->{sides} };
    }
    my (undef, $fence) = $fences{ $conn->{kind} }->($self->{fence} & 0xffffff);
    $_ =~ s/\Q$fence\E\z// for @replies;
    return @replies;
}

# ---- a case ------------------------------------------------------------------------------------

# What a side has for a key's CAS value.
sub _cas_of {
    my ($self, $key) = @_;
    my $control = $self->{control};
    $_->{out} .= "me $key\r\n" for @{ $control->{sides} };
    return map { / cas=(\d+)/ ? $1 : 0 } $self->_replies($control);
}

# What the step's bytes are for each side.
sub _filled_in {
    my ($self, $bytes) = @_;
    my @filled = ($bytes) x SIDES;
    my $now = int time;
    $_ =~ s/\@now([+-]\d+)\@/$now + $1/ge for @filled;
    $_ =~ s/\@cas\+(\d+)\@/CAS_BASE + CAS_STEP * $self->{runs} + $1/ge for @filled;
    while ($filled[0] =~ /\@(cas8?):([^@+-]+)([+-]\d+)?\@/) {
        my ($kind, $key, $offset, $from, $to) = ($1, $2, $3 // 0, $-[0], $+[0]);
        my @cas = map { $_ + $offset < 0 ? 0 : $_ + $offset } $self->_cas_of($key);
        for my $i (0 .. SIDES - 1) {
            my $text = $kind eq 'cas8' ? pack 'Q>', $cas[$i] : $cas[$i];
            $filled[$i] =~ s/\@\Q$kind:$key\E(?:[+-]\d+)?\@/$text/;
        }
    }
    return @filled;
}

sub _step {
    my ($self, $step, $result) = @_;
    my ($name, $bytes, $how) = @$step;
    $self->_settle($name, $bytes, $result);
    return sleep $bytes if $name =~ /^w/;
    my $conn = $self->{connections}{$name} //= $self->_connect(substr $name, 0, 1);
    my @filled = $bytes =~ /\@/ ? $self->_filled_in($bytes) : ($bytes) x SIDES;
    for my $i (0 .. SIDES - 1) {
        my $side = $conn->{sides}[$i];
        next if $side->{at_eof};
        _put($side, $filled[$i]);
        _send($side) if $how eq '+';
    }
    $conn->{asked} = ($conn->{asked} // '') . $bytes;
    $conn->{waits} = 1;
    $conn->{is_halfway} = $how eq '+';
    $self->_collect($name, $result) if $how eq ':' || $conn->{kind} eq 'u';
    _move($conn->{sides}, SPLIT_PAUSE) if $how eq '+';
}

# Nothing is left to chance: what was sent whole on another connection has been executed before.
sub _settle {
    my ($self, $name, $bytes, $result) = @_;
    my $needs_all = $bytes =~ /\@cas8?:/;
    for my $other (sort keys %{ $self->{connections} }) {
        next unless $self->{connections}{$other}{waits};
        $self->_collect($other, $result)
            if $needs_all || ($other ne $name && !$self->{connections}{$other}{is_halfway});
    }
}

sub _collect {
    my ($self, $name, $result) = @_;
    my $conn = $self->{connections}{$name};
    my @replies = $self->_replies($conn);
    push @$result, { connection => $name, request => delete $conn->{asked} // '',
                     replies => \@replies };
}

# `stats` of each side, numbers as what they have grown by since `before`.
sub _statistics {
    my ($self, $before) = @_;
    my $control = $self->{control};
    $_->{out} .= "stats\r\n" for @{ $control->{sides} };
    my @replies = $self->_replies($control);
    my @values = map { { /^STAT (\S+) (\d+)\r$/mg } } @replies;
    return ({}, \@values) unless $before;
    for my $i (0 .. SIDES - 1) {
        $replies[$i] =~ s/^STAT (\S+) \K(\d+)(?=\r$)/$2 - ($before->[$i]{$1} \/\/ 0)/mge;
    }
    return (\@replies, \@values);
}

# Lookups of whatever may be a key in these bytes.
sub _lookups {
    my ($bytes) = @_;
    my %words = map { $_ => 1 } grep { length $_ <= KEY_BYTES_MAX && !/\0/ } split /[ \r\n]+/, $bytes;
    delete $words{''};
    my @coded = grep { length($_) % 4 == 0 && m{\A[A-Za-z0-9+/]+={0,2}\z} } sort keys %words;
    return join '', map { "$_\r\n" } join(' ', 'get', '~', sort keys %words), map { "mg $_ b q" } @coded;
}

# Both servers without items: a flush leaves some where they are until somebody asks for them, and when
# it does is not the same everywhere.
sub _empty {
    my ($self, $case) = @_;
    my $control = $self->{control};
    my $lookups = delete $self->{leftovers} // '';
    $_->{out} .= "flush_all\r\n$lookups" for @{ $control->{sides} };
    $self->{leftovers} = _lookups(join '', map { $_->[1] } $case->steps);
    return { connection => 'control', request => "flush_all\r\n$lookups",
             replies => [ $self->_replies($control) ] };
}

# Empties both servers, sends the case, and returns what they replied: a list of {connection, request,
# replies => [ours, reference]}; at its end what `stats` tells of the case.
sub run {
    my ($self, $case) = @_;
    local $SIG{PIPE} = 'IGNORE';
    $self->{runs}++;
    my @result = ($self->_empty($case));
    my (undef, $before) = $self->_statistics;
    $self->{connections} = {};
    $self->_step($_, \@result) for $case->steps;
    for my $name (sort keys %{ $self->{connections} }) {
        $self->_collect($name, \@result) if $self->{connections}{$name}{waits};
    }
    $self->_close($_) for values %{ delete $self->{connections} };
    my ($replies) = $self->_statistics($before);
    my $request = grep({ $_->[0] =~ /^b/ } $case->steps) ? 'stats (binary)' : 'stats';
    push @result, { connection => 'control', request => $request, replies => $replies };
    return \@result;
}

1;
