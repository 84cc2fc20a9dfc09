package Wire::Binary;

# The binary protocol for wire tests: requests out of a few words, replies into one line of text.
#
#   use Wire::Binary;
#   my $c = $server->conn;
#   binary_is($c, ask(get => 'a'), 'get: not found "Not found"', 'a miss');
#
# A reply in text: the opcode's name, its status unless it is success, `#CAS` unless 0 or not asked
# for, `[extras]` in hexadecimal, `k=key`, and the value in quotes (numbers of incr and decr plain).

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use Wire;

our @EXPORT = qw(ask opcode binary_is binary_like binary_closes told replies_of cas_of_binary STORE
                 FOR_EVER by);

my @names = (
    get => 0x00, set => 0x01, add => 0x02, replace => 0x03, delete => 0x04, incr => 0x05,
    decr => 0x06, quit => 0x07, flush => 0x08, getq => 0x09, noop => 0x0a, version => 0x0b,
    getk => 0x0c, getkq => 0x0d, append => 0x0e, prepend => 0x0f, stat => 0x10, setq => 0x11,
    addq => 0x12, replaceq => 0x13, deleteq => 0x14, incrq => 0x15, decrq => 0x16, quitq => 0x17,
    flushq => 0x18, appendq => 0x19, prependq => 0x1a, verbosity => 0x1b, touch => 0x1c,
    gat => 0x1d, gatq => 0x1e, sasl_list => 0x20, sasl_auth => 0x21, sasl_step => 0x22,
    gatk => 0x23, gatkq => 0x24,
);
my %opcode = @names;
my %name = reverse @names;
my %status = (0x01 => 'not found', 0x02 => 'exists', 0x03 => 'too large', 0x04 => 'invalid',
              0x05 => 'not stored', 0x06 => 'not a number', 0x20 => 'not allowed',
              0x81 => 'unknown', 0x82 => 'no memory');

use constant STORE => pack 'NN', 7, 0;
use constant FOR_EVER => pack 'N', 0;

# The extras of incr and decr: amount, initial value, exptime.
sub by { my ($delta, $initial, $exptime) = @_; return pack 'Q>Q>N', $delta, $initial // 0, $exptime // 0 }

sub opcode { my ($name) = @_; return $name =~ /^\d+\z/ ? $name : $opcode{$name} // die "no $name" }

my $opaque = 0x5ca1ab1e;

# A request: opcode (name or number), key, extras, value; further fields by name: cas, and what the
# head shall say against the truth: magic, key_bytes, extras_bytes, body_bytes, data_type, bucket.
sub ask {
    my ($name, $key, $extras, $value, %also) = @_;
    $_ //= '' for $key, $extras, $value;
    return pack('CCnCCnNNQ>', $also{magic} // 0x80, opcode($name), $also{key_bytes} // length $key,
                $also{extras_bytes} // length $extras, $also{data_type} // 0, $also{bucket} // 0,
                $also{body_bytes} // length($extras) + length($key) + length($value),
                $also{opaque} // $opaque, $also{cas} // 0) . $extras . $key . $value;
}

# Replies, one behind the other, as a list of {opcode, status, cas, extras, key, value, opaque}, and
# what is left of the bytes.
sub replies_of {
    my ($bytes) = @_;
    my @replies;
    while (length $bytes >= 24) {
        my ($magic, $opcode, $key_bytes, $extras_bytes, $type, $status, $body_bytes, $opaque, $cas)
            = unpack 'CCnCCnNNQ>', $bytes;
        last if $magic != 0x81 || length $bytes < 24 + $body_bytes;
        substr $bytes, 0, 24, '';
        my $body = substr $bytes, 0, $body_bytes, '';
        push @replies, {
            opcode => $opcode, status => $status, cas => $cas, opaque => $opaque, type => $type,
            extras => substr($body, 0, $extras_bytes),
            key => substr($body, $extras_bytes, $key_bytes),
            value => substr($body, $extras_bytes + $key_bytes),
        };
    }
    return (\@replies, $bytes);
}

sub _tell {
    my ($reply, $with_cas) = @_;
    my $name = $name{ $reply->{opcode} } // sprintf '0x%02x', $reply->{opcode};
    my $status = $status{ $reply->{status} } // sprintf 'status 0x%x', $reply->{status};
    my $is_number = $name =~ /^(?:incr|decr)q?\z/ && !$reply->{status};
    my $value = $is_number ? unpack('Q>', $reply->{value}) : '"' . show($reply->{value}) . '"';
    return join ' ', "$name:",
        $reply->{status} ? $status : (),
        $reply->{opaque} != $opaque ? sprintf('opaque=%x', $reply->{opaque}) : (),
        $reply->{type} ? "type=$reply->{type}" : (),
        $with_cas && $reply->{cas} ? "#$reply->{cas}" : (),
        length $reply->{extras} ? '[' . unpack('H*', $reply->{extras}) . ']' : (),
        length $reply->{key} ? 'k=' . show($reply->{key}) : (),
        length $reply->{value} ? $value : ();
}

# Replies in text, `; ` between them; CAS values only if asked for, since they differ from server to
# server.
sub told {
    my ($bytes, $with_cas) = @_;
    my ($replies, $rest) = replies_of($bytes);
    return join '; ', (map { _tell($_, $with_cas) } @$replies),
        length $rest ? 'no reply: ' . show($rest) : ();
}

my $end_mark = ask('noop', '', '', '', opaque => 0xdeadbeef);
my $end_reply = pack 'CCnCCnNNQ>', 0x81, 0x0a, 0, 0, 0, 0, 0, 0xdeadbeef, 0;

# What is answered up to the answer of a no-op sent behind it.
sub _answer {
    my ($c, $request) = @_;
    $c->put($request . $end_mark);
    my $got = $c->take_past($end_reply);
    my $is_whole = substr($got, -length $end_reply) eq $end_reply;
    return ($is_whole ? substr($got, 0, -length $end_reply) : $got, $is_whole);
}

# Sends requests and expects these replies and not a byte more; afterwards the connection is of use.
sub binary_is {
    my ($c, $request, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($got, $is_whole) = _answer($c, $request);
    my $same = is(told($got) . ($is_whole ? '' : ' (and no answer to what follows)'), $want,
                  $name // show($request));
    $c->reconnect unless $same;
    return $same;
}

# The replies, described by a pattern; returns their bytes.
sub binary_like {
    my ($c, $request, $pattern, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my ($got) = _answer($c, $request);
    like(told($got), $pattern, $name // show($request));
    return $got;
}

# These replies, and then the end of the connection, which is made anew.
sub binary_closes {
    my ($c, $request, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $c->put($request);
    my $got = $c->take_all;
    my $same = is(defined $got ? told($got) : 'still open', $want, $name // show($request));
    $c->reconnect;
    return $same;
}

# The CAS value that a get tells.
sub cas_of_binary {
    my ($c, $key) = @_;
    my ($got) = _answer($c, ask(get => $key));
    my ($replies) = replies_of($got);
    return $replies->[0]{cas};
}

1;
