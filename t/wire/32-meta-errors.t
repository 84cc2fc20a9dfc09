# Meta commands that are wrong: which error is told, what is swallowed, and that nothing changes.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $format = "CLIENT_ERROR bad command line format\r\n";
my $token = "CLIENT_ERROR bad token in command line format\r\n";
my $decoding = "CLIENT_ERROR error decoding key\r\n";
my $terse = "CLIENT_ERROR invalid or duplicate flag\r\n";
my $mode = "CLIENT_ERROR invalid mode for ms M token\r\n";
my $no_number = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";
my $long = 'o' x 32;

# Blank and malformed lines
replies_are($c, map { [ "$_\r\n", "ERROR\r\n" ] } '', ' ', 'mg', 'mg ', 'ms ', 'md ', 'ma  ', 'MG a',
            'mga a', 'm a', "mg\ta");
replies_are($c,
    [ "\n",                    "ERROR\r\n" ],
    [ "me\r\n",                $format ],
    [ "ms a \r\n",             $format ],
    [ " mg a\r\n",             "EN\r\n", 'a space before it' ],
    [ "mg  a   q   k\r\n",     '', 'many spaces' ],
    [ "mg a v" . ' ' x 500 . "k\r\n", "EN ka\r\n" ],
    [ "mg a k\n",              "EN ka\r\n", 'without CR' ],
    [ "mn  q k\r\n",           "MN\r\n" ],
);

# Of several errors one is told.
set_ok($c, 'a', 'kept');
replies_are($c,
    [ "mg a v v !\r\n",        "CLIENT_ERROR duplicate flag\r\n" ],
    [ "mg a ! v v\r\n",        "CLIENT_ERROR invalid flag\r\n" ],
    [ "mg a noreply\r\n",      "CLIENT_ERROR invalid flag\r\n" ],
    [ "mg a W\r\n",            "CLIENT_ERROR invalid flag\r\n" ],
    [ "mg a Tx v v\r\n",       "CLIENT_ERROR duplicate flag\r\n", 'a wrong token counts less' ],
    [ "mg bad! Tx b\r\n",      $decoding, 'the last one: the key' ],
    [ "mg bad! b Tx\r\n",      $token, ' ... or the token' ],
    [ "ms bad! 2 Tx b\r\n12\r\n", $decoding ],
    [ "ms bad! 2 b Nx\r\n12\r\n", $token ],
    [ "ms a 2 Tx MEE\r\n12\r\n", "CLIENT_ERROR incorrect length for M token\r\n" ],
    [ "ms a 2 MEE Tx\r\n12\r\n", $token ],
    [ "ms a 2 MEE Fx\r\n12\r\n", "CLIENT_ERROR incorrect length for M token\r\n" ],
    [ "ms a 2 Tx Fx\r\n12\r\n",  $token, 'client flags count less' ],
    [ "ms a 2 Fx Me\r\n12\r\n",  $format, ' ... but more than a mode' ],
    [ "ms a 2 O$long Me\r\n12\r\n", $mode, ' ... which counts more than an opaque' ],
    [ "ms a 2 O$long\r\n12\r\n", "CLIENT_ERROR opaque token too long\r\n" ],
    [ "mg a O$long Tx\r\n",      $token ],
    [ "md a O$long\r\n",         "CLIENT_ERROR opaque token too long\r\n" ],
    [ "ma bad! b\r\n",           $terse ],
    [ "md a Tx\r\n",             $terse ],
    [ "ma a Dx\r\n",             $terse ],
    [ "ma a O$long Mx\r\n",      "CLIENT_ERROR invalid mode for ma M token\r\n" ],
    [ "ma a\r\n",                $no_number ],
    [ "mg a" . ' P' x 18 . "\r\n", "CLIENT_ERROR options flags are too long\r\n", 'too many flags' ],
    [ "md a" . ' P' x 18 . "\r\n", "CLIENT_ERROR options flags too long\r\n" ],
    [ "ma a" . ' P' x 18 . "\r\n", "CLIENT_ERROR options flags too long\r\n" ],
);
replies_are($c, map { [ "ms a 2 M$_\r\n12\r\n", $mode, "mode $_" ] } qw(e a p r s I D + x));
replies_are($c, map { [ "ma a M$_\r\n", "CLIENT_ERROR invalid mode for ma M token\r\n", "mode $_" ] }
                qw(i d E A P R S x 0));
# C before the number, but not before there being one
set_ok($c, 'empty', '');
replies_are($c,
    [ "ma a C99999\r\n",         "EX\r\n" ],
    [ "ma empty C99999\r\n",     $no_number ],
);
value_is($c, 'a', 'kept', 'nothing has changed');

# A value whose line is refused is swallowed; one that has no length is not.
replies_are($c, map { [ "ms a 7 $_\r\nmg a v\n\r\n", "CLIENT_ERROR invalid flag\r\n" ] } '!', 'q !', '! q');
replies_are($c, map { [ "ms a $_\r\nxyz\r\n", "${format}ERROR\r\n" ] } 'x', '-1', 'S2', 'q', '');
replies_are($c, map { [ "ms " . 'k' x 251 . " 2 $_\r\n12\r\n", "${format}ERROR\r\n" ] } '', 'q');

# A bad data chunk, and a value too large: told in every mode, quiet or not
my @modes = ('', 'q', 'k O1', 'k O1 q', 'ME', 'ME q', 'MA', 'MA q', 'MP', 'MR q', 'C5', 'C5 q', 'I C1', 's c');
my $large = 'x' x 1_048_577;
for my $flags (@modes) {
    set_ok($c, 'a', 'kept');
    reply_is($c, "ms a 3 $flags\r\n12345\r\n", "CLIENT_ERROR bad data chunk\r\nERROR\r\n",
             "a bad data chunk with '$flags'");
    value_is($c, 'a', 'kept');
    reply_is($c, "ms a 1048577 $flags\r\n$large\r\n", "SERVER_ERROR object too large for cache\r\n",
             "a value too large with '$flags'");
    value_is($c, 'a', undef, ' ... drops the old one');
}
reply_is($c, "ms YQ== 1048577 b q\r\n$large\r\n", "SERVER_ERROR object too large for cache\r\n",
         ' ... of a key in base64');

# me
replies_are($c,
    [ "me a\r\n",                "EN\r\n" ],
    [ "me a x y z q\r\n",        "EN\r\n", 'me takes any flags' ],
    [ "me Zm9 b\r\n",            $format ],
    [ "me Zm9 x b\r\n",          "EN\r\n", ' ... but b has to be the first' ],
);
$c->ask("set a 5 100 3\r\nabc\r\nget a\r\n");
my $sign = $server->does('meta_debug_time_left') ? '' : '-';
like($c->ask("me a\r\n"),
     qr/^ME a exp=$sign(?:100|99) la=[01] cas=\d+ fetch=yes cls=1 size=67\r\n\z/);
$c->ask("ms AAoNIA== 1 b\r\n1\r\n");
like($c->ask("me AAoNIA== b\r\n"), qr/^ME AAoNIA== exp=-1 la=\d cas=\d+ fetch=no cls=1 size=64\r\n\z/);
my ($fetched) = $c->ask("set n 0 0 1\r\n1\r\nincr n 1\r\nme n\r\n") =~ /fetch=(\w+)/;
is($fetched, 'no', 'incr is not a hit');
$server->stop;

# -C: no CAS values
$server = server('-C');
$c = $server->conn;
replies_are($c,
    [ "ms a 1\r\n1\r\n",  "HD\r\n" ],
    [ "md a C1\r\n",       "EX\r\n" ],
    [ "md a I C0\r\n",     "HD\r\n", '-C: 0 is the CAS value of every item' ],
    [ "md a C0\r\n",       "HD\r\n" ],
    [ "ms a 1\r\n1\r\n",  "HD\r\n" ],
    [ "ms a 1 C0\r\n1\r\n", "EX\r\n", ' ... but not for ms' ],
    [ "ma a C1\r\n",       "EX\r\n" ],
    [ "ms a 0 MA C5\r\n\r\n", "HD\r\n", ' ... and what is appended fits' ],
    [ "ms a 1 I C1\r\n1\r\n", "EX\r\n", ' ... and no value is older' ],
    [ "mg a v c\r\n",      "VA 1 c0\r\n1\r\n" ],
);
$server->stop;
done_testing;
