# Lines that are wrong: the error line to the byte, and the connection goes on.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $format = "CLIENT_ERROR bad command line format\r\n";
my $chunk = "CLIENT_ERROR bad data chunk\r\n";
my $error = "ERROR\r\n";

set_ok($c, 'a', 'kept');
replies_are($c,
    [ "\r\n",                   $error, 'an empty line' ],
    [ "\n",                     $error ],
    [ " \r\n",                  $error ],
    [ "foo\r\n",                $error, 'no such command' ],
    [ "GET a\r\n",              $error, 'commands are in lower case' ],
    [ "Get a\r\n",              $error ],
    [ "getx a\r\n",             $error ],
    [ "sets a 0 0 1\r\n",       $error ],
    [ "get\ta\r\n",             $error, 'a tab is no space' ],
    [ "get\r\n",                $error ],
    [ "gets\r\n",               $error ],
    [ "set\r\n",                $error ],
    [ "set a\r\n",              $error ],
    [ "set a 0\r\n",            $error ],
    [ "set a 0 0\r\n",          $error ],
    [ "add a 0 0\r\n",          $error ],
    [ "replace a\r\n",          $error ],
    [ "append\r\n",             $error ],
    [ "prepend a 0 0\r\n",      $error ],
    [ "cas a 0 0 1\r\n",        $error, 'cas without a CAS value' ],
    [ "set a 0 0 1 noreply 1\r\n", $error, 'too many words' ],
    [ "set a 0 0 1" . ' a' x 40 . "\r\n", $error ],
    [ "delete" . ' a' x 40 . "\r\n",      $error ],
    [ "incr" . ' a' x 40 . "\r\n",        $error ],
    [ "stats bogus\r\n",        $error ],
    [ "stats noreply\r\n",      $error ],
    [ "config\r\n",             $error ],
    [ "Host: example.net\r\n",  $error ],
    [ "Content-Length: 4\r\n",  $error ],
    [ "set a x 0 1\r\n",        $format, 'flags that are none' ],
    [ "set a -1 0 1\r\n",       $format ],
    [ "set a 0x10 0 1\r\n",     $format ],
    [ "set a 18446744073709551616 0 1\r\n", $format ],
    [ "set a 0 x 1\r\n",        $format, 'exptimes that are none' ],
    [ "set a 0 99999999999999999999 1\r\n", $format ],
    [ "set a 0 0 x\r\n",        $format, 'lengths that are none' ],
    [ "set a 0 0 1.5\r\n",      $format ],
    [ "set a 0 0 -1\r\n",       $format ],
    [ "set a 0 0 -5\r\n",       $format ],
    [ "set a 0 0 2147483647\r\n", $format ],
    [ "set a 0 0 2147483646\r\n", $format ],
    [ "set a 0 0 -1 noreply\r\n", '', 'noreply: a refused line is not answered' ],
    [ "set a x 0 1 noreply\r\n",  '' ],
    [ "cas a 0 0 1 x\r\n",      $format, 'CAS values that are none' ],
    [ "cas a 0 0 1 -1\r\n",     $format ],
    [ "cas a 0 0 1 18446744073709551616\r\n", $format ],
);
value_is($c, 'a', 'kept', 'none of them changed anything');

# A line that is refused does not take its data block with it: that is the next line.
replies_are($c,
    [ "set a 0 0\r\nx\r\n",             $error . $error ],
    [ "set a x 0 1\r\n1\r\n",           $format . $error ],
    [ "set a 0 0 -1\r\nversion\r\n",    $format . "VERSION @{[$server->version]}\r\n" ],
    [ "set a x 0 1 noreply\r\n1\r\n",   $error ],
);

# Numbers are read as 64 bits, signs and white space included, and kept as 32.
replies_are($c,
    [ "set odd 0 0 4294967297\r\n1\r\n",            "STORED\r\n", 'a length beyond 32 bits' ],
    [ "set odd 0 0 -4294967295\r\n2\r\n",           "STORED\r\n" ],
    [ "get odd\r\n",                                "VALUE odd 0 1\r\n2\r\nEND\r\n" ],
    [ "set odd -9223372036854775809 0 1\r\n3\r\n",  "STORED\r\n", 'flags counted from 2^64 down' ],
    [ "get odd\r\n",                                "VALUE odd 4294967295 1\r\n3\r\nEND\r\n" ],
    [ "incr odd -18446744073709551615\r\n",         "4\r\n", 'a delta of the same kind' ],
    [ "verbosity +0\r\n",                           "OK\r\n" ],
    [ "verbosity 4294967296\r\n",                   "OK\r\n" ],
    [ "flush_all +1000\r\n",                        "OK\r\n" ],
    [ "flush_all 1000\t\r\n",                       "OK\r\n" ],
    [ "flush_all 1000\tx\r\n",                      "OK\r\n" ],
    [ "lru_crawler sleep +5\r\n",                    "OK\r\n" ],
    [ "lru_crawler tocrawl 4294967296\r\n",          "OK\r\n" ],
    [ "stats cachedump 4294967296 1\r\n",            "END\r\n" ],
    [ "cache_memlimit 4294967296\r\n",
      "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n" ],
);

# A data block that does not end where it should: the old value stays, and the rest is a line.
replies_are($c,
    [ "set a 0 0 1\r\n12\r\n",          $chunk . $error ],
    [ "set a 0 0 1\r\n12345\r\n",       $chunk . $error ],
    [ "set a 0 0 4\r\n1234xy\r\n",      $chunk . $error ],
    [ "set a 0 0 4\r\n1234xyfoo\r\n",   $chunk . $error ],
    [ "set a 0 0 0\r\nx\r\n",           $chunk . $error ],
    [ "set a 0 0 4\r\n1234xyversion\r\n", $chunk . "VERSION @{[$server->version]}\r\n" ],
    [ "add b 0 0 1\r\n12\r\n",          $chunk . $error ],
    [ "append a 0 0 1\r\n12\r\n",       $chunk . $error ],
    [ "cas a 0 0 1 1\r\n12\r\n",        $chunk . $error ],
    [ "set a 0 0 1 noreply\r\n12\r\n",  $error, 'with noreply only the rest is answered' ],
    [ "set a 0 0 1\r\n1\nversion\r\n",  $chunk . $error, 'a bare newline does not end a block' ],
    [ "get b\r\n",                      "END\r\n" ],
);
value_is($c, 'a', 'kept', 'none of them changed anything');

# After errors of every kind, one behind the other in one write, the connection is as good as new.
reply_is($c, "foo\r\nset a 0 0 -1\r\nset a 0 0 1\r\n12\r\nget\r\nincr a x\r\ntouch a x\r\n"
             . "flush_all x\r\nget a\r\n",
         "$error$format$chunk$error$error"
             . "CLIENT_ERROR invalid numeric delta argument\r\n"
             . "CLIENT_ERROR invalid exptime argument\r\n"
             . "CLIENT_ERROR invalid exptime argument\r\nVALUE a 0 4\r\nkept\r\nEND\r\n",
         'errors in a pipeline keep their places');
reply_is($c, "foo\r\n" x 2000, $error x 2000, '2000 errors in one write');

# A server's refusal of shutdown
my $no = "ERROR: shutdown not enabled\r\n";
reply_is($c, "$_\r\n", $no) for 'shutdown', 'shutdown graceful', 'shutdown foo';

$server->stop;
done_testing;
