# Keys: up to 250 bytes, any byte but those that end a word.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $format = "CLIENT_ERROR bad command line format\r\n";
my $longest = 'k' x 250;
my $too_long = 'k' x 251;

replies_are($c,
    [ "get $longest\r\n",               "END\r\n", 'a key of 250 bytes' ],
    [ "set $longest 3 0 1\r\n1\r\n",    "STORED\r\n" ],
    [ "get $longest\r\n",               "VALUE $longest 3 1\r\n1\r\nEND\r\n" ],
    [ "incr $longest 1\r\n",            "2\r\n" ],
    [ "touch $longest 0\r\n",           "TOUCHED\r\n" ],
    [ "append $longest 0 0 1\r\n3\r\n", "STORED\r\n" ],
    [ "mg $longest k\r\n",              "HD k$longest\r\n" ],
    [ "delete $longest\r\n",            "DELETED\r\n" ],
    [ "get $longest\r\n",               "END\r\n" ],
    [ "get $too_long\r\n",              $format, 'one of 251 is refused' ],
    [ "gets $too_long\r\n",             $format ],
    [ "gat 0 $too_long\r\n",            $format ],
    [ "delete $too_long\r\n",           $format ],
    [ "delete $too_long noreply\r\n",   '' ],
    [ "incr $too_long 1\r\n",           $format ],
    [ "decr $too_long 1\r\n",           $format ],
    [ "touch $too_long 0\r\n",          $format ],
    [ "mg $too_long v\r\n",             $format ],
    [ "set $too_long 0 0 1\r\n",        $format ],
    [ "set $too_long 0 0 1\r\n1\r\n",   $format . "ERROR\r\n", 'its data block is the next line' ],
    [ "add $too_long 0 0 1\r\n",        $format ],
    [ "cas $too_long 0 0 1 1\r\n",      $format ],
    [ "set $too_long 0 0 1 noreply\r\n", '' ],
    [ 'get ' . 'k' x 3000 . "\r\n",     $format ],
    [ 'get ' . 'k' x 30000 . "\r\n",    $format ],
);

set_ok($c, 'a', '1');
replies_are($c,
    [ "get a $too_long b\r\n",   $format, 'a key too long among others: no value is sent' ],
    [ "get a a a $too_long\r\n", $format ],
    [ "gat 0 a $too_long\r\n",   $format ],
    [ "get a\r\n",               "VALUE a 0 1\r\n1\r\nEND\r\n" ],
);

# Every length
$c->put(join '', map { 'set ' . 'x' x $_ . " 0 0 3 noreply\r\n" . sprintf('%03d', $_) . "\r\n" }
        1 .. 250);
reply_is($c, 'get ' . join(' ', map { 'x' x $_ } 1 .. 250) . "\r\n",
         join('', map { 'VALUE ' . 'x' x $_ . " 0 3\r\n" . sprintf('%03d', $_) . "\r\n" } 1 .. 250)
             . "END\r\n", 'keys of every length from 1 to 250');

# Control characters are not checked for; only space and newline end a word.
for my $key ("\x01\x02\x7f\xff", "a\tb", "a\rb", "\x1b[0m", "caf\xc3\xa9", '"quoted"', '-1', '0',
             'noreply', '%s%n', '../etc', "\xff" x 250) {
    replies_are($c,
        [ "set $key 0 0 1\r\n1\r\n", "STORED\r\n", 'the key ' . show($key) ],
        [ "get $key\r\n",            "VALUE $key 0 1\r\n1\r\nEND\r\n", ' ... is read' ],
        [ "delete $key\r\n",         "DELETED\r\n", ' ... and deleted' ],
    );
}

# Keys that differ in one byte are different keys.
for my $byte (grep { $_ != 10 && $_ != 13 && $_ != 32 } 1 .. 255) {
    $c->put('set key' . chr($byte) . " 0 0 3 noreply\r\n" . sprintf('%03d', $byte) . "\r\n");
}
my $wrong = 0;
for my $byte (grep { $_ != 10 && $_ != 13 && $_ != 32 } 1 .. 255) {
    my $got = $c->get('key' . chr $byte);
    $wrong++ unless defined $got && $got eq sprintf '%03d', $byte;
}
is($wrong, 0, 'keys that differ in one byte are different keys');

# What the keys before it have brought is taken back, be it much.
set_ok($c, 'v', 'v' x 1024);
reply_is($c, 'get' . ' v' x $_ . " $too_long\r\n", $format, "$_ KB, and then a key of 251 bytes")
    for 10, 17, 200;

$server->stop;
done_testing;
