# Client flags: 32 bits that come back as they went.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

for my $flags (0, 1, 9, 10, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967295) {
    replies_are($c,
        [ "set f $flags 0 1\r\n1\r\n",     "STORED\r\n", "flags $flags" ],
        [ "get f\r\n",                     "VALUE f $flags 1\r\n1\r\nEND\r\n" ],
        [ "mg f f\r\n",                    "HD f$flags\r\n" ],
        [ "incr f 10\r\n",                 "11\r\n" ],
        [ "append f 5 0 1\r\n1\r\n",       "STORED\r\n" ],
        [ "touch f 0\r\n",                 "TOUCHED\r\n" ],
        [ "gat 0 f\r\n",                   "VALUE f $flags 3\r\n111\r\nEND\r\n",
          ' ... outlast incr, append and touch' ],
    );
}
replies_are($c,
    [ "set f -1 0 1\r\n",                   "CLIENT_ERROR bad command line format\r\n" ],
    [ "set f 18446744073709551616 0 1\r\n", "CLIENT_ERROR bad command line format\r\n" ],
    [ "get f\r\n",                          "VALUE f 4294967295 3\r\n111\r\nEND\r\n" ],
    [ "replace f 3 0 1\r\n1\r\n",           "STORED\r\n" ],
    [ "get f\r\n",                          "VALUE f 3 1\r\n1\r\nEND\r\n", 'replace brings its own' ],
    [ "ms f 1 F77\r\n1\r\n",                "HD\r\n" ],
    [ "get f\r\n",                          "VALUE f 77 1\r\n1\r\nEND\r\n", 'ms does, too' ],
    [ "ms f 1\r\n1\r\n",                    "HD\r\n" ],
    [ "get f\r\n",                          "VALUE f 0 1\r\n1\r\nEND\r\n", ' ... or has none' ],
);
$server->stop;
done_testing;
