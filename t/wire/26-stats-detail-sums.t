# stats detail: gets, hits, sets and deletes by prefix of the key.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $usage = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";

# The lines of the dump, in order.
sub dump_of {
    my ($c) = @_;
    my $reply = $c->ask("stats detail dump\r\n");
    $reply =~ s/END\r\n\z// or return [$reply];
    return [ sort split /\r\n/, $reply ];
}

# A prefix's figures, or nothing.
sub figures {
    my ($c, $prefix) = @_;
    return join ' ', map { /^PREFIX \Q$prefix\E get (\d+) hit (\d+) set (\d+) del (\d+)\z/
                               ? ($1, $2, $3, $4) : () } @{ dump_of($c) };
}

replies_are($c,
    [ "stats detail\r\n",           $usage ],
    [ "stats detail x\r\n",         $usage ],
    [ "stats detail noreply\r\n",   $usage ],
    [ "stats detail dump\r\n",      "END\r\n" ],
    [ "set a:b 0 0 1\r\n1\r\n",     "STORED\r\n" ],
    [ "stats detail dump\r\n",      "END\r\n", 'while it is off nothing is counted' ],
    [ "stats detail on\r\n",        "OK\r\n" ],
    [ "stats detail dump x y\r\n",  "END\r\n" ],
);
is($c->stats('settings')->{detail_enabled}, 'yes', 'stats settings say so');
is($c->stats('settings')->{stat_key_prefix}, ':');

# [request, prefix, what gets, hits, sets and deletes grow by]
for my $row (
    [ "get a:b\r\n",                    'a', 1, 1, 0, 0 ],
    [ "get a:m\r\n",                    'a', 1, 0, 0, 0 ],
    [ "gets a:b a:m a:b b:m\r\n",       'a', 3, 2, 0, 0 ],
    [ "set a:n 0 0 1\r\n1\r\n",         'a', 0, 0, 1, 0 ],
    [ "set a:n 0 0 1 noreply\r\n1\r\n", 'a', 0, 0, 1, 0 ],
    [ "add a:n 0 0 1\r\n1\r\n",         'a', 0, 0, 1, 0 ],
    [ "replace a:m 0 0 1\r\n1\r\n",     'a', 0, 0, 1, 0 ],
    [ "append a:n 0 0 1\r\n1\r\n",      'a', 0, 0, 1, 0 ],
    [ "cas a:m 0 0 1 1\r\n1\r\n",       'a', 0, 0, 1, 0 ],
    [ "set a:n 0 0 1\r\nxxx\r\n",       'a', 0, 0, 1, 0 ],
    [ "set a:l 0 0 2000000\r\n" . 'x' x 2000000 . "\r\n", 'a', 0, 0, 1, 0 ],
    [ "incr a:n 1\r\n",                 'a', 0, 0, 0, 0 ],
    [ "touch a:n 0\r\n",                'a', 0, 0, 0, 0 ],
    [ "gat 0 a:n\r\n",                  'a', 1, 1, 0, 0 ],
    [ "gat 0 a:m\r\n",                  'a', 1, 0, 0, 0 ],
    [ "delete a:n\r\n",                 'a', 0, 0, 0, 1 ],
    [ "delete a:n\r\n",                 'a', 0, 0, 0, 1 ],
    [ "mg a:b v\r\nms a:b 1\r\n1\r\nmd a:b\r\nma a:b\r\n", 'a', 0, 0, 0, 0 ],
    [ "set :x 0 0 1\r\n1\r\nget :x ::\r\n", '', 2, 1, 1, 0 ],
) {
    my ($request, $prefix, @grows) = @$row;
    my @before = split / /, figures($c, $prefix) || '0 0 0 0';
    $c->ask($request);
    my @after = split / /, figures($c, $prefix) || '0 0 0 0';
    is_deeply([ map { $after[$_] - $before[$_] } 0 .. 3 ], \@grows, 'what ' . show($request) . ' counts');
}
$c->ask("get noprefix\r\n");
ok(!grep({ /noprefix/ } @{ dump_of($c) }), 'a key without delimiter is not counted');
reply_is($c, "stats detail off\r\nget off:1\r\nstats detail on\r\nget on:1\r\n",
         "OK\r\nEND\r\nOK\r\nEND\r\n");
is(figures($c, 'off'), '', 'off takes effect at once');
is(figures($c, 'on'), '1 0 0 0', ' ... and so does on');

# All workers' keys together; many prefixes.
$c->ask("stats reset\r\n");
is_deeply(dump_of($c), [], 'stats reset forgets them');
for my $other (conns($server, 8)) { $other->ask("get sum:1\r\n") }
is(figures($c, 'sum'), '8 0 0 0', 'connections are summed');
$c->ask(join '', map { "get p$_:1\r\n" } $_ * 100 .. $_ * 100 + 99) for 0 .. 29;
is(scalar(grep { /^PREFIX p\d+ get 1 hit 0 set 0 del 0\z/ } @{ dump_of($c) }), 3000, '3000 prefixes');

# The binary protocol
$c->ask("stats reset\r\n");
my $binary = $server->conn;
sub request {
    my ($opcode, $key, $extras, $value) = @_;
    return pack('CCnCCnNNx8', 0x80, $opcode, length $key, length $extras, 0, 0,
                length($key . $extras . $value), 0) . $extras . $key . $value;
}
$binary->put(join '', request(0x01, 'B:1', pack('NN', 0, 0), 'v'), request(0x00, 'B:1', '', ''),
             request(0x00, 'B:2', '', ''), request(0x1c, 'B:1', pack('N', 0), ''),
             request(0x1d, 'B:2', pack('N', 0), ''), request(0x04, 'B:1', '', ''),
             request(0x04, 'B:1', '', ''), request(0x10, 'detail dump', '', ''));
my $reply = $binary->take_past("detailed");
$reply = $binary->take_past("END\r\n");
is($reply, "PREFIX B get 4 hit 2 set 1 del 2\r\nEND\r\n", 'binary: a dump is one row of text');
$server->stop;

# -D
$server = server('-D', '/|');
$c = $server->conn;
is($c->stats('settings')->{$_->[0]}, $_->[1], "-D: $_->[0]")
    for [ stat_key_prefix => '/' ], [ detail_enabled => 'yes' ];
reply_is($c, "get a/b a:b a|b\r\nstats detail dump\r\n",
         "END\r\nPREFIX a get 1 hit 0 set 0 del 0\r\nEND\r\n");
$server->stop;
my $none = Wire::Server->spawn(Wire::Server::user_options(), '-D', '');
isnt($none->wait_end, 0, '-D wants a delimiter');
like($none->stderr, qr/No delimiter specified/);

# -X
if (!$server->does('dump_disables_detail')) {
    done_testing;
    exit;
}
$server = server('-X');
$c = $server->conn;
reply_is($c, "stats detail $_\r\n", "CLIENT_ERROR stats detail not allowed\r\n", "-X: stats detail $_")
    for qw(on off dump x);
$server->stop;
done_testing;
