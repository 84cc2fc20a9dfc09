package Soak::Talk;

# Clients who know how to behave: text, meta, binary, datagrams, values large and small.

use strict;
use warnings;
use MIME::Base64 qw(encode_base64);
use Soak::Client qw(value_of random_key random_bytes between pick chance);
use Wire ();
use Wire::Binary ();
use Wire::Udp;

use constant {
    PIPELINE_MAX    => 40,
    LARGE_BYTES_MIN => 100_000,
    LARGE_BYTES_MAX => 3_000_000,
    JOINED_BYTES    => 20_000,      # what is appended to a large value
    UDP_SECONDS     => 2,           # later than this, a datagram is lost
    END_OPAQUE      => 0xdeadbeef,
};

sub manners {
    return (
        { name => 'text',   weight => 20, visit => \&text },
        { name => 'meta',   weight => 20, visit => \&meta },
        { name => 'binary', weight => 15, visit => \&binary, needs => 'binary' },
        { name => 'udp',    weight => 8,  visit => \&udp, needs => 'udp' },
        { name => 'large',  weight => 5,  visit => \&large },
    );
}

# ---- classic text -------------------------------------------------------------------------------

my $refusal = qr/SERVER_ERROR [Oo]ut of memory[^\r]*\r\n/;
my $stored = qr/(?:STORED|NOT_STORED|EXISTS|NOT_FOUND)\r\n|$refusal/;
my $number = qr/\d+ *\r\n|NOT_FOUND\r\n|$refusal/;

# Takes VALUE after VALUE off the reply, up to END; each of a key with k is whole.
sub values_end {
    my ($reply) = @_;
    while ($$reply =~ s/\AVALUE (\S+) \d+ (\d+)(?: \d+)?\r\n//) {
        my ($key, $bytes) = ($1, $2);
        is_whole($key, $bytes, $reply) or return 0;
    }
    return $$reply =~ s/\A(?:END\r\n|$refusal)//;
}

# Takes a data block off the reply.
sub is_whole {
    my ($key, $bytes, $reply) = @_;
    my $data = substr $$reply, 0, $bytes + 2, '';
    return 0 unless length $data == $bytes + 2 && $data =~ s/\r\n\z//;
    return $key !~ /^k/ || $data eq value_of($key, $bytes) || die "$key is damaged: "
        . Wire::show($data) . "\n";
}

sub _store {
    my ($verb) = @_;
    my $key = random_key();
    my $value = value_of($key, random_bytes());
    my $noreply = chance(20);
    my $cas = $verb eq 'cas' ? ' ' . between(1, 1000) : '';
    my $exptime = pick(0, 0, 0, 1, 2, 60, -1);
    return [ sprintf("%s %s %d %d %d%s%s\r\n%s\r\n", $verb, $key, rand 65536, $exptime,
                     length $value, $cas, $noreply ? ' noreply' : '', $value),
             $noreply ? qr/(?:$refusal)?/ : $stored ];
}

sub _join {
    my $key = 'a:' . between(0, 50);
    return [ pick('append', 'prepend', 'set') . " $key 0 0 10\r\n0123456789\r\n", $stored ];
}

sub _arith {
    my $key = 'n:' . between(0, 50);
    return ([ "add $key 0 30 2\r\n10\r\n", $stored ],
            [ pick('incr', 'decr') . " $key " . int(rand 2**40) . "\r\n", $number ]);
}

my @text_rows = (
    sub { [ 'get ' . join(' ', map { random_key() } 1 .. between(1, 60)) . "\r\n", \&values_end ] },
    sub { [ 'gets ' . random_key() . ' none ' . random_key() . "\r\n", \&values_end ] },
    sub { [ 'gat ' . between(10, 99) . ' ' . random_key() . ' ' . random_key() . "\r\n", \&values_end ] },
    sub { _store(pick(qw(set set set set add replace cas))) },
    sub { _join() },
    sub { _arith() },
    sub { [ 'touch ' . random_key() . " 30\r\n", qr/(?:TOUCHED|NOT_FOUND)\r\n/ ] },
    sub { [ 'delete ' . random_key() . "\r\n", qr/(?:DELETED|NOT_FOUND)\r\n/ ] },
    sub { [ 'delete ' . random_key() . " noreply\r\n", qr// ] },
    sub { [ pick("nonsense\r\n", "\r\n"), qr/ERROR\r\n/ ] },
    sub { [ 'get ' . 'x' x 251 . "\r\n", qr/CLIENT_ERROR[^\r]*\r\n/ ] },
);

sub text {
    my ($self) = @_;
    $self->talk($self->conn, map { pick(@text_rows)->() } 1 .. between(1, PIPELINE_MAX));
}

# ---- meta ---------------------------------------------------------------------------------------

sub _meta_key {
    my $key = random_key();
    return chance(15) ? ($key, encode_base64($key, ''), ' b') : ($key, $key, '');
}

# Which of the quiet ones an answer belongs to, its opaque tells.
my $turn = 0;

sub _meta_get {
    my ($key, $told, $b) = _meta_key();
    my $flags = pick('', ' c f', ' t h l', ' k', ' T30', ' N30', ' R20 N5', ' u', ' E99 N5');
    my $is_quiet = chance(30) ? ' q' : '';
    my $mark = 'O' . ++$turn;
    return [ "mg $told v s$flags$b$is_quiet $mark\r\n", sub {
        my ($reply) = @_;
        return is_whole($key, $1, $reply) if $$reply =~ s/\AVA (\d+)[^\r]* $mark\b[^\r]*\r\n//;
        return $$reply =~ s/\A$refusal// || $is_quiet || $$reply =~ s/\AEN(?: $mark| [^\r]* $mark)?\r\n//;
    } ];
}

sub _meta_set {
    my ($key, $told, $b) = _meta_key();
    my $value = value_of($key, random_bytes());
    my $flags = pick('', ' T60', ' T1', ' F5 c', ' ME', ' MR', ' I C1', ' C5', ' k', ' s');
    my $is_quiet = chance(30) ? ' q' : '';
    my $mark = 'O' . ++$turn;
    my $answer = qr/(?:HD|NS|EX|NF)[^\r]* $mark\b[^\r]*\r\n|$refusal/;
    return [ sprintf("ms %s %d%s%s%s %s\r\n%s\r\n", $told, length $value, $flags, $b, $is_quiet, $mark, $value),
             $is_quiet ? qr/(?:$answer)?/ : $answer ];
}

my @meta_rows = (
    \&_meta_get, \&_meta_get, \&_meta_get, \&_meta_set, \&_meta_set,
    sub {
        my (undef, $told, $b) = _meta_key();
        [ "md $told" . pick('', ' I T30', ' x', ' C3') . "$b\r\n", qr/(?:HD|NF|EX)[^\r]*\r\n/ ];
    },
    sub { [ 'ma n:' . between(0, 50) . " N0 J5 D3 t v\r\n", qr/VA \d+[^\r]*\r\n\d+ *\r\n|CLIENT_ERROR[^\r]*\r\n|$refusal/ ] },
    sub { [ 'ms a:' . between(0, 50) . " 4 MA N60\r\nwxyz\r\n", qr/(?:HD|NS)\r\n|$refusal/ ] },
    sub { [ 'me ' . random_key() . "\r\n", qr/(?:ME [^\r]*|EN)\r\n/ ] },
    sub { [ "mg bad key Q\r\n", qr/CLIENT_ERROR[^\r]*\r\n/ ] },
);

sub meta {
    my ($self) = @_;
    $self->talk($self->conn, map { pick(@meta_rows)->() } 1 .. between(1, PIPELINE_MAX));
}

# ---- binary -------------------------------------------------------------------------------------

sub binary_request {
    my ($opaque) = @_;
    my $key = random_key();
    my $name = pick(qw(get getq getk getkq set setq add replaceq delete deleteq touch gat gatkq
                       incr incrq decr append prependq noop version stat));
    my @also = (opaque => $opaque);
    return Wire::Binary::ask($name, $key, Wire::Binary::STORE, value_of($key, random_bytes()), @also)
        if $name =~ /^(?:set|add|replace)/;
    return Wire::Binary::ask($name, 'n:' . between(0, 50), Wire::Binary::by(3, 7), '', @also)
        if $name =~ /^(?:incr|decr)/;
    return Wire::Binary::ask($name, 'a:' . between(0, 50), '', 'bcde', @also)
        if $name =~ /^(?:append|prepend)/;
    return Wire::Binary::ask($name, $key, pack('N', 60), '', @also) if $name =~ /^(?:touch|gat)/;
    return Wire::Binary::ask($name, '', '', '', @also) if $name =~ /^(?:noop|version|stat)/;
    return Wire::Binary::ask($name, $key, '', '', @also);
}

sub binary {
    my ($self) = @_;
    my $count = between(1, PIPELINE_MAX);
    my $c = $self->binary_conn;
    my $end = pack 'CCnCCnNNQ>', 0x81, Wire::Binary::opcode('noop'), 0, 0, 0, 0, 0, END_OPAQUE, 0;
    $c->put(join '', map({ binary_request($_) } 1 .. $count),
            Wire::Binary::ask('noop', '', '', '', opaque => END_OPAQUE));
    my ($replies, $rest) = Wire::Binary::replies_of($c->take_past($end));
    die 'no whole reply: ' . Wire::show($rest) . "\n" if length $rest;
    die "no end of replies\n" unless @$replies && $replies->[-1]{opaque} == END_OPAQUE;
    my $last = 0;
    for my $reply (@$replies) {
        die "reply $reply->{opaque} behind $last\n" if $reply->{opaque} < $last;
        $last = $reply->{opaque};
        my $key = $reply->{key};
        next if $key !~ /^k/ || $reply->{status};
        die "$key is damaged: " . Wire::show($reply->{value}) . "\n"
            unless $reply->{value} eq value_of($key, length $reply->{value});
    }
}

# ---- datagrams ----------------------------------------------------------------------------------

sub udp {
    my ($self) = @_;
    my $u = $self->udp;
    my $key = random_key();
    my $value = value_of($key, between(0, 1000));
    my $request = pick(
        'get ' . join(' ', map { random_key() } 1 .. between(1, 20)) . "\r\n",
        sprintf("set %s 0 0 %d\r\n%s\r\n", $key, length $value, $value),
        "mg $key v s\r\n", "stats settings\r\n", "delete $key\r\n", "nonsense\r\n",
        Wire::Binary::ask('getk', $key), Wire::Binary::ask('set', $key, Wire::Binary::STORE, $value),
    );
    if (chance(5)) {    # not worth an answer
        $u->put(pick('', 'x', substr($request, 0, 7), Wire::Udp::frame(1, $request, total => 3)));
        return;
    }
    my $id = $u->request($request);
    my $reply = $u->reply(UDP_SECONDS);
    if (!defined $reply || $reply->{id} != $id) {
        $self->{lost}++;
        delete $self->{udp};
        return;
    }
    my $data = $reply->{data};
    die "a datagram says nothing\n" if $data eq '';
    die 'datagrams say ' . Wire::show($data) . "\n" if $data =~ /^VALUE/ && !values_end(\$data);
}

# ---- large values -------------------------------------------------------------------------------

sub large {
    my ($self) = @_;
    my $c = $self->conn;
    my $key = 'k:large' . between(1, Soak::Client::LARGE_KEYS);
    my $value = value_of($key, between(LARGE_BYTES_MIN, LARGE_BYTES_MAX));
    my $joined = 'j:large' . between(1, Soak::Client::LARGE_KEYS);
    my $part = 'x' x JOINED_BYTES;
    my @rows = (
        [ "set $key 0 0 " . length($value) . "\r\n$value\r\n", $stored ],
        [ "get $key\r\n", \&values_end ],
        [ "touch $key 60\r\n", qr/(?:TOUCHED|NOT_FOUND)\r\n/ ],
        [ "add $joined 0 0 " . length($value) . "\r\n$value\r\n", $stored ],
        [ pick('append', 'prepend') . " $joined 0 0 " . JOINED_BYTES . "\r\n$part\r\n",
          qr/$stored|SERVER_ERROR object too large for cache\r\n/ ],
        [ "get $joined $key\r\n", \&values_end ],
        [ "incr $joined 1\r\n", qr/CLIENT_ERROR[^\r]*\r\n|NOT_FOUND\r\n/ ],
        [ "delete $joined\r\n", qr/(?:DELETED|NOT_FOUND)\r\n/ ],
    );
    $self->talk($c, grep { chance(60) } @rows);
}

1;
