# -Y: a client logs in with a `set` whose value is `user password`, before anything else.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $dir = Wire::Server::dir();
my @user = Wire::Server::user_options();
my $is_ours = Wire::Server::is_replicating();

sub file_of {
    my ($name, $text) = @_;
    open my $out, '>', "$dir/$name" or die "$dir/$name: $!";
    print $out $text;
    close $out or die "$dir/$name: $!";
    return "$dir/$name";
}

sub login { my ($token, $key, $tail) = @_; return 'set ' . ($key // 'x') . ' 0 0 ' . length($token) . ($tail // '') . "\r\n$token\r\n" }

my $stored = "STORED\r\n";
my $failed = "CLIENT_ERROR authentication failure\r\n";
my $format = "CLIENT_ERROR bad authentication token format\r\n";
my $ending = "CLIENT_ERROR bad command line termination\r\n";
my $nobody = "CLIENT_ERROR unauthenticated\r\n";

my $path = file_of('users', "foo:bar\nbaz:quux\nlast:line");
my $server = server('-Y', $path);

# Said on a connection of its own; the next is sent when the reply is there.
sub dialogue_is {
    my ($name, @rows) = @_;
    my $c = $server->conn;
    my @wrong;
    for my $row (@rows) {
        my ($request, $want) = @$row;
        $c->put($request);
        my $got = $c->take(length $want);
        push @wrong, show($request) . ' => ' . show($got) . ', not ' . show($want) if $got ne $want;
    }
    $c->put("nothing\r\n");
    my $end = $c->line;
    push @wrong, 'more: ' . show($end) unless $end eq $nobody || $end eq "ERROR\r\n";
    ok(!@wrong, $name) or diag(join "\n", @wrong);
    return $c;
}

# [request, reply], told apart by whether a get is answered afterwards
my @yes = ("get none\r\n", "END\r\n");
my @no = ("get none\r\n", $nobody);
for my $row (
    [ login('foo bar'),                $stored, 'the first user' ],
    [ login('baz quux'),               $stored, 'the second' ],
    [ login('last line'),              $stored, 'one whose line is the last, without a newline' ],
    [ login('foo bar', 'k' x 251),     $stored, 'a key of any length' ],
    [ login('foo bar', 'x', ' noreply'), $stored, 'noreply is not looked at' ],
    [ login('foo bar', 'x', ' 1 2 3'), $stored, 'nor is what follows' ],
    [ "set x a b 7\r\nfoo bar\r\n",    $stored, 'nor are flags and exptime' ],
    [ "set x -1 -1 7\r\nfoo bar\r\n",  $stored, 'negative ones' ],
    [ " set  x  0  0  7 \r\nfoo bar\r\n", $stored, 'blanks' ],
    [ "set x 0 0 07\r\nfoo bar\r\n",   $stored, 'a zero before the length' ],
    [ "set x 0 0 +7\r\nfoo bar\r\n",   $stored, 'a plus before the length' ],
    [ "set x 0 0 7\nfoo bar\r\n",      $stored, 'a line ended by a newline alone' ],
    [ login(' foo  bar '),             $stored, 'blanks around the words' ],
    [ login('foo bar more'),           $stored, 'words behind them' ],
    [ login("foo bar\0"),              $stored, 'a NUL behind them' ],
    [ login('foo baz'),                $failed, 'a wrong password' ],
    [ login('foo ba'),                 $failed, 'a part of it' ],
    [ login('foo barb'),               $failed, 'more than it' ],
    [ login('foo quux'),               $failed, "another user's" ],
    [ login('fo bar'),                 $failed, 'a part of the user' ],
    [ login('foo baz', 'x', ' noreply'), $failed, 'a wrong password with noreply' ],
    [ login('foo:bar'),                $format, 'a colon in place of the blank' ],
    [ login('foo'),                    $format, 'a user without password' ],
    [ login('foo '),                   $format, 'a user and a blank' ],
    [ login(' '),                      $format, 'a blank' ],
    [ login(''),                       $format, 'nothing' ],
    [ login("foo\tbar "),              $format, 'a tab' ],
    [ login('a' x 8000),               $format, 'a long word' ],
    [ "set x 0 0 7\r\nfoo barXX",      $ending, 'a value without its end' ],
    [ "get a\r\n",                     $nobody, 'get' ],
    [ "mn\r\n",                        $nobody, 'mn' ],
    [ "version\r\n",                   $nobody, 'version' ],
    [ "stats\r\n",                     $nobody, 'stats' ],
    [ "quit\r\n",                      $nobody, 'quit' ],
    [ "shutdown\r\n",                  $nobody, 'shutdown' ],
    [ "watch fetchers\r\n",            $nobody, 'watch' ],
    [ "flush_all\r\n",                 $nobody, 'flush_all' ],
    [ "repl role\r\n",                 $nobody, 'repl' ],
    [ "\r\n",                          $nobody, 'an empty line' ],
    [ "\0\0\0\r\n",                    $nobody, 'zeros' ],
    [ "SET x 0 0 7\r\n",               $nobody, 'SET' ],
    [ "set\r\n",                       $nobody, 'set' ],
    [ "set x 0 0\r\n",                 $nobody, 'set without a length' ],
    [ "set x 0 0 -1\r\n",              $nobody, 'a negative length' ],
    [ "set x 0 0 7x\r\n",              $nobody, 'a length that is none' ],
    [ "add x 0 0 7\r\n",               $nobody, 'add' ],
    [ "ms x 7\r\n",                    $nobody, 'ms' ],
    [ "set\tx 0 0 7\r\n",              $nobody, 'a tab' ],
) {
    my ($request, $reply, $name) = @$row;
    my $is_in = $reply eq $stored;
    dialogue_is("$name: " . show($reply), [ $request, $reply ], [ $is_in ? @yes : @no ],
                $is_in ? () : ([ login('foo bar'), $stored ], [@yes]));
}

# Byte by byte
my $c = $server->conn;
$c->put($_) for split //, login('foo bar') . "get none\r\n";
is($c->take_past("END\r\n"), "${stored}END\r\n", 'byte by byte');

# In one piece with what follows
$c = $server->conn;
$c->put(login('foo bar') . login('data', 'key') . "get key\r\n");
is($c->take_past("END\r\n"), "$stored${stored}VALUE key 0 4\r\ndata\r\nEND\r\n",
   'once logged in, a set stores');
dialogue_is('the password is no item', [ login('foo bar'), $stored ], [ "get x\r\n", "END\r\n" ]);

# memcached forgets the replies to all but the last of refused requests that arrive in one piece.
if ($is_ours) {
    $c = $server->conn;
    $c->put("get a\r\n" x 3 . login('foo baz') . login('foo bar') . "get none\r\n");
    is($c->take_past("END\r\n"), "$nobody$nobody$nobody$failed${stored}END\r\n",
       'each request in a row is answered');
}

# What is not to be kept
reply_closes($server->conn, 'a' x 3000, '', 'a line without an end');
reply_closes($server->conn, "set x 0 0 2147483000\r\n" . 'a' x 3000, '', 'a value without bounds')
    if $is_ours;

# Counted: attempts with two words
$c = $server->conn;
$c->put(login('foo bar'));
$c->line;
my $before = $c->stats;
for my $request (login('foo bar'), login('foo baz'), login('foo'), "get a\r\n") {
    my $other = $server->conn;
    $other->put($request);
    $other->line;
}
my $after = $c->stats;
is($after->{auth_cmds} - $before->{auth_cmds}, 2, 'auth_cmds counts attempts');
is($after->{auth_errors} - $before->{auth_errors}, 1, 'auth_errors those that fail');
is($after->{cmd_set} - $before->{cmd_set}, 0, 'neither is a cmd_set');
my $settings = $c->stats('settings');
is($settings->{auth_enabled_ascii}, $path, 'stats settings name the file');
is($settings->{binding_protocol}, 'ascii', ' ... and the one protocol that is left');

# SIGHUP reads the file again; who is logged in stays so.
file_of('users', "new:one\n");
$server->signal('HUP');
poll_ok { $server->conn->log_in('new one') eq $stored } 'SIGHUP: a new user';
is($server->conn->log_in('foo bar'), $failed, ' ... an old one is gone');
reply_is($c, @yes, ' ... but not one who has logged in');
for my $bad ("nocolon\n", "new:two\nnocolon\n", '', undef) {
    defined $bad ? file_of('users', $bad) : unlink $path;
    my $told = length $server->stderr;
    $server->signal('HUP');
    if ($is_ours) {
        poll_ok { length $server->stderr > $told } 'a file that cannot be used is told of';
        like(substr($server->stderr, $told), qr/^[^\n]*authfile \[\Q$path\E\][^\n]*\n\z/i, ' ... in a line');
    }
    is($server->conn->log_in('new one'), $stored, ' ... and changes nothing');
    is($server->conn->log_in('new two'), $failed, ' ... not even by halves');
}
$server->stop;

# Files: [text, user that is known, user that is not]
for my $row (
             $server->does('auth_file_lines') ? [ "a:b\r\n", 'a b', "a b\r" ] : (),
             [ "a:b:c\n", 'a b:c', 'a b' ],
             [ "# no: comment\na:b\n", 'a b', '# no' ],
             [ "a:b\na:c\n", 'a c', 'a d' ],
             [ "x:\n:x\na:b\n", 'a b', 'x x' ],
             [ join('', map {"u$_:p\n"} 1 .. 8), 'u8 p', 'u9 p' ],
             [ join('', map {"u$_:p\n"} 1 .. 12), 'u8 p', 'u9 p' ],
             [ 'a:' . 'p' x 253 . "\n", 'a ' . 'p' x 253, 'a ' . 'p' x 252 ]) {
    my ($text, $known, $unknown) = @$row;
    my $server = server('-Y', file_of('file', $text));
    is($server->conn->log_in($known), $stored, show($text) . ': ' . show($known));
    is($server->conn->log_in($unknown), $failed, ' ... not ' . show($unknown));
    like($server->stderr, $text =~ /u9/ && $is_ours ? qr/\Aauthfile [^\n]+first 8[^\n]+\n\z/i : qr/\A\z/,
         ' ... and what is said of it');
    $server->stop;
}

# Refused: [options, exit status, message]
my $good = file_of('good', "a:b\n");
my $malformed = qr/Authfile \[\S+\] has a malformed entry\. Should be 'user:password'/;
my @refused = (
    [ [ '-Y', "$dir/none" ],         1,  qr/Could not open authfile \[\S+\] for reading, error No such file/ ],
    [ [ '-Y', file_of('bad1', "nocolon\n") ],     1, $malformed ],
    [ [ '-Y', file_of('bad2', "\na:b\n") ],       1, $malformed ],
    [ [ '-Y', file_of('bad3', "a:b\n\n") ],       1, $malformed ],
    [ [ '-Y', file_of('bad4', "a:b\n\nc:d\n") ],  1, $malformed ],
    [ [ '-Y', file_of('bad5', "a:b\nnocolon") ],  1, $malformed ],
    [ [ '-Y', $good, '-B', 'binary' ], 64, qr/binary protocol/i ],
    [ [ '-Y', $good, '-B', 'auto' ],   64, qr/You cannot allow the BINARY protocol while using ascii/ ],
);
push @refused, [ [ '-Y', '/dev/null' ], 1, $malformed ] if $server->does('auth_file_lines');
push @refused,
    [ [ '-Y', $dir ],                              1, qr/\Q$dir\E.*directory/ ],
    [ [ '-Y', file_of('bad6', 'a:' . 'p' x 254) ], 1, qr/line 1 is longer than 255 bytes/ ],
    [ [ '-Y', file_of('bad7', "a:b\n" x 20000) ],  1, qr/larger than/ ]
    if $is_ours;
for my $row (@refused) {
    my ($options, $status, $message) = @$row;
    my $run = Wire::Server->spawn(@user, '-l', '127.0.0.1', '-p', Wire::Server::free_port(), @$options);
    my $name = join(' ', @$options) =~ s/\Q$dir\E/DIR/gr;
    is($run->wait_end, $status << 8, "$name is refused") or $run->kill_now;
    like($run->stderr, $message, ' ... with a message');
    is(() = $run->stderr =~ /\n/g, 1, ' ... of one line') if $is_ours;
}
$server = server('-Y', $good, '-B', 'ascii');
is($server->conn->log_in('a b'), $stored, '-Y with -B ascii');
$server->stop;

# By the user that will read it again
SKIP: {
    skip 'not root', 2 if $>;
    my @nobody = getpwnam('nobody') or skip 'no user nobody', 2;
    chmod 0600, $good;
    my $run = Wire::Server->spawn('-u', 'nobody', '-l', '127.0.0.1', '-p', Wire::Server::free_port(),
                                  '-Y', $good);
    is($run->wait_end, 1 << 8, 'a file that the user of -u may not read is refused') or $run->kill_now;
    like($run->stderr, qr/\Q$good\E.*Permission denied/, ' ... with a message');
}
done_testing;
