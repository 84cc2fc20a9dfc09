package Wire;

# What a wire test starts from: a server, connections to it, and assertions about exact bytes.
#
#   use Wire;
#   my $server = server('-m', 64);            # started and accepting, on a free port
#   my $c      = $server->conn;
#   reply_is($c, "get a\r\n", "END\r\n", 'a miss');
#   $server->stop;                            # fails the test unless it ends cleanly
#
# The server is the program named by the environment variable MEMCACHED, or memcached/memcached of
# the build tree (top_builddir when set).

use strict;
use warnings;
use Exporter 'import';
use Test::More;
use Time::HiRes qw(time sleep);
use Wire::Conn;
use Wire::Server;

our @EXPORT = qw(server conns replies_are reply_is reply_like reply_closes quiet_is
                 value_is set_ok poll_ok poll_until stat_is show);

# Starts a server with these further options.
sub server { return Wire::Server->start(@_) }

# This many connections to a server.
sub conns { my ($server, $count) = @_; return map { $server->conn } 1 .. $count }

# A string as a person can read it: control characters escaped, the middle of a long one left out.
sub show {
    my ($bytes) = @_;
    return '(nothing)' unless defined $bytes && length $bytes;
    my $length = length $bytes;
    $bytes = substr($bytes, 0, 300) . '[...]' . substr($bytes, -80) if $length > 400;
    $bytes =~ s/\r/\\r/g;
    $bytes =~ s/\n/\\n/g;
    $bytes =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $length > 400 ? "$bytes ($length bytes)" : $bytes;
}

sub _verdict {
    my ($got, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $same = defined $got && $got eq $want;
    ok($same, $name) or diag('     got: ' . show($got) . "\nexpected: " . show($want));
    return $same;
}

# Sends a request and expects this reply and not a byte more: a `mn` sent behind it marks the end.
# After a failure the connection is made anew, so that the next assertion stands on its own.
sub reply_is {
    my ($c, $request, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $c->put($request . "mn\r\n");
    my $same = _verdict($c->take_expected($want . "MN\r\n"), $want . "MN\r\n",
                        $name // show($request));
    $c->reconnect unless $same;
    return $same;
}

# As reply_is, for a reply that a pattern describes; returns the reply without the end mark.
sub reply_like {
    my ($c, $request, $pattern, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $c->ask($request);
    like($got, $pattern, $name // show($request));
    return $got;
}

# A table of [request, reply, name], all on one connection.
sub replies_are {
    my ($c, @rows) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    reply_is($c, @$_) for @rows;
}

# No reply at all.
sub quiet_is {
    my ($c, $request, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return reply_is($c, $request, '', $name);
}

# Sends a request after which the server says exactly this and closes the connection.
sub reply_closes {
    my ($c, $request, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    $c->put($request);
    my $got = $c->take_all;
    unless (defined $got) {
        diag('the connection stays open; got: ' . show($c->{in}));
        return fail($name // show($request));
    }
    return _verdict($got, $want, $name // show($request));
}

# A key's value as `get` tells it; undef: a miss.
sub value_is {
    my ($c, $key, $value, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $c->get($key);
    return ok(!defined $got, $name // "$key is a miss") || diag('got: ' . show($got))
        unless defined $value;
    return _verdict($got, $value, $name // "$key holds its value");
}

# Stores, expecting success.
sub set_ok {
    my ($c, $key, $value, $flags, $exptime) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $got = $c->set($key, $value, $flags, $exptime);
    return _verdict($got, "STORED\r\n", "store $key");
}

# Calls the code until it returns true or the time allowed is over; returns its last answer.
sub poll_until(&;$) {
    my ($code, $seconds) = @_;
    my $end = time + ($seconds // Wire::Server::timeout());
    while (1) {
        my $answer = $code->();
        return $answer if $answer || time > $end;
        sleep 0.01;
    }
}

sub poll_ok(&$;$) {
    my ($code, $name, $seconds) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return ok(poll_until(\&$code, $seconds), $name);
}

# One figure of `stats`.
sub stat_is {
    my ($c, $field, $want, $name) = @_;
    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is($c->stats->{$field}, $want, $name // "stats: $field is $want");
}

1;
