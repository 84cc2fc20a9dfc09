# mn, ms, mg and md with the flags most used.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $format = "CLIENT_ERROR bad command line format\r\n";
my $key_error = "CLIENT_ERROR error decoding key\r\n";

replies_are($c,
    [ "mn\r\n",                          "MN\r\n" ],
    [ "mn\r\n" x 100,                    "MN\r\n" x 100 ],
    [ "mg a\r\n",                        "EN\r\n", 'a miss' ],
    [ "mg a v\r\n",                      "EN\r\n" ],
    [ "mg a v q\r\n",                    '', 'a quiet miss' ],
    [ "md a\r\n",                        "NF\r\n" ],
    [ "md a q\r\n",                      "NF\r\n", 'a delete of nothing is told even to the quiet' ],
    [ "ms a 3\r\nabc\r\n",               "HD\r\n" ],
    [ "mg a\r\n",                        "HD\r\n" ],
    [ "mg a v\r\n",                      "VA 3\r\nabc\r\n" ],
    [ "get a\r\n",                       "VALUE a 0 3\r\nabc\r\nEND\r\n" ],
    [ "ms a 2 F5 T100 k O9\r\nde\r\n",   "HD ka O9\r\n" ],
    [ "mg a k f s v O77\r\n",            "VA 2 ka f5 s2 O77\r\nde\r\n" ],
    [ "mg a s v k q\r\n",                "VA 2 s2 ka\r\nde\r\n", 'a quiet hit, flags in their order' ],
    [ "mg a q\r\n",                      "HD\r\n" ],
    [ "ms a 2 q\r\nfg\r\n",              '', 'a quiet success' ],
    [ "mg a v f t\r\n",                  "VA 2 f0 t-1\r\nfg\r\n", 'no flags given: none kept' ],
    [ "ms a 0\r\n\r\n",                  "HD\r\n", 'an empty value' ],
    [ "mg a v s\r\n",                    "VA 0 s0\r\n\r\n" ],
    [ "ms a 1 T-1\r\nx\r\n",             "HD\r\n", 'a negative TTL' ],
    [ "mg a v\r\n",                      "EN\r\n", ' ... is over at once' ],
    [ "mg a k O1 v L/x P5\r\n",          "EN ka O1\r\n" ],
);
set_ok($c, 'ttl', 'x', 3, 100);
like($c->ask("mg ttl t f\r\n"), qr/^HD t(?:99|100) f3\r\n\z/, 't tells the time left');
like($c->ask("mg ttl T500 t\r\n"), qr/^HD t(?:499|500)\r\n\z/, 'T changes it');
like($c->ask("mg ttl t\r\n"), qr/^HD t(?:499|500)\r\n\z/, ' ... for good');
like($c->ask("ms ttl 1 T50\r\nx\r\nmg ttl t\r\n"), qr/^HD\r\nHD t(?:49|50)\r\n\z/, 'ms with T');

# CAS
my ($cas) = $c->ask("ms c 3 c\r\nold\r\n") =~ /^HD c(\d+)\r\n\z/;
ok($cas, 'ms with c tells the new CAS value');
replies_are($c,
    [ "mg c c\r\n",                         "HD c$cas\r\n" ],
    [ "ms c 3 C@{[$cas + 100]}\r\nbad\r\n", "EX\r\n", 'another CAS value' ],
    [ "ms c 3 C@{[$cas + 100]} q\r\nbad\r\n", "EX\r\n", ' ... is told even to the quiet' ],
    [ "md c C@{[$cas + 100]}\r\n",          "EX\r\n" ],
    [ "md c C@{[$cas + 100]} q\r\n",        "EX\r\n" ],
    [ "mg c v c\r\n",                       "VA 3 c$cas\r\nold\r\n", ' ... and nothing changes' ],
    [ "ms c 3 C$cas\r\nnew\r\n",            "HD\r\n", 'the right CAS value' ],
    [ "mg c v\r\n",                         "VA 3\r\nnew\r\n" ],
    [ "ms none 3 C1\r\nnew\r\n",            "NF\r\n" ],
    [ "ms none 3 C1 q\r\nnew\r\n",          "NF\r\n" ],
    [ "ms c 3 C0\r\nnew\r\n",               "EX\r\n", '0 is no CAS value that something has' ],
    [ "ms c 1 C0 MA\r\n!\r\n",              "HD\r\n", ' ... append and prepend do not look at it' ],
    [ "ms c 1 C0 MP\r\n!\r\n",              "HD\r\n" ],
    [ "mg c v\r\n",                         "VA 5\r\n!new!\r\n" ],
    [ "ms num 1\r\n1\r\nma num C0 v\r\n",  "HD\r\nVA 1\r\n2\r\n", 'nor does ma' ],
);
my $now = $c->cas_of('c');
reply_is($c, "md c C$now\r\n", "HD\r\n", 'md with the right CAS value');
value_is($c, 'c', undef);

SKIP: {
    skip 'this version has no flag E', 14 unless $server->does('meta_cas_override');
    replies_are($c,
        [ "ms e 1 E1000\r\nx\r\n",          "HD\r\n", 'E gives the CAS value' ],
        [ "mg e c\r\n",                     "HD c1000\r\n" ],
        [ "gets e\r\n",                     "VALUE e 0 1 1000\r\nx\r\nEND\r\n" ],
        [ "ms e 1 C1000 E2000\r\ny\r\n",    "HD\r\n" ],
        [ "mg e c v\r\n",                   "VA 1 c2000\r\ny\r\n" ],
        [ "ms num 2 E10\r\n97\r\n",          "HD\r\n" ],
        [ "ma num E3000 c v\r\nmg num c\r\n",  "VA 2 c3000\r\n98\r\nHD c3000\r\n", 'of a number, too' ],
        [ "ms e 1 T0 F0 E77 q\r\nz\r\n",    '', 'a smaller one, quietly' ],
        [ "mg e c f t v\r\n",               "VA 1 c77 f0 t-1\r\nz\r\n" ],
        [ "md e E3000 q\r\nmg e v\r\n",     "EN\r\n" ],
        [ "ms e 1 E99999999999\r\nx\r\n",   "HD\r\n" ],
        [ "flush_all\r\nmg e v\r\n",        "OK\r\nEN\r\n", 'a flush takes items with E, too' ],
        [ "ms e 1 E5\r\ny\r\nmg e v\r\n",  "HD\r\nVA 1\r\ny\r\n", ' ... and they live after it' ],
        [ "set e 0 0 1\r\nz\r\nmg e v\r\n", "STORED\r\nVA 1\r\nz\r\n" ],
    );
}
SKIP: {
    skip 'memcached forgets the E of a number that grows', 1 unless $server->is_replicating;
    reply_is($c, "ms grown 1\r\n9\r\nma grown E300000000000 c v\r\nmg grown c\r\n",
             "HD\r\nVA 2 c300000000000\r\n10\r\nHD c300000000000\r\n", 'E of a number that grows by a digit');
}
SKIP: {
    skip 'this version has no flag s of ms', 1 unless $server->does('meta_set_size');
    reply_is($c, "ms s 5 s\r\n12345\r\n", "HD s5\r\n", 'ms with s tells the size');
}

# Modes
replies_are($c,
    [ "ms m 2 ME\r\nab\r\n",     "HD\r\n", 'ME: add' ],
    [ "ms m 2 ME\r\nxx\r\n",     "NS\r\n" ],
    [ "ms m 2 ME q\r\nxx\r\n",   "NS\r\n" ],
    [ "ms m 2 MA\r\ncd\r\n",     "HD\r\n", 'MA: append' ],
    [ "ms m 2 MP\r\n__\r\n",     "HD\r\n", 'MP: prepend' ],
    [ "mg m v\r\n",              "VA 6\r\n__abcd\r\n" ],
    [ "ms m 1 MR\r\nr\r\n",      "HD\r\n", 'MR: replace' ],
    [ "mg m v\r\n",              "VA 1\r\nr\r\n" ],
    [ "ms m 1 MS\r\ns\r\n",      "HD\r\n", 'MS: set' ],
    [ "mg m v\r\n",              "VA 1\r\ns\r\n" ],
    [ "ms n 2 MA\r\ncd\r\n",     "NS\r\n", 'append to nothing' ],
    [ "ms n 2 MA q\r\ncd\r\n",   "NS\r\n" ],
    [ "ms n 2 MP\r\ncd\r\n",     "NS\r\n" ],
    [ "ms n 2 MR\r\ncd\r\n",     "NS\r\n" ],
    [ "mg n\r\n",                "EN\r\n" ],
    [ "ms m 2 MX\r\ncd\r\n",     "CLIENT_ERROR invalid mode for ms M token\r\n" ],
    [ "ms m 2 M\r\ncd\r\n",      "CLIENT_ERROR incorrect length for M token\r\n" ],
    [ "mg m v\r\n",              "VA 1\r\ns\r\n", ' ... nothing changes' ],
);

# Delete
replies_are($c,
    [ "ms d 1\r\n1\r\nmd d\r\nmg d\r\n",     "HD\r\nHD\r\nEN\r\n" ],
    [ "md d k O5\r\n",                       "NF kd O5\r\n" ],
    [ "ms d 1 q\r\n1\r\nmd d q\r\nmg d\r\n", "EN\r\n", 'all quiet' ],
    [ "ms d 1\r\n1\r\nmd d k O5\r\n",        "HD\r\nHD kd O5\r\n" ],
);

# Binary keys as base64: the same key as the bytes.
replies_are($c,
    [ "ms Zm9v 3 b k\r\nbar\r\n",    "HD kZm9v b\r\n" ],
    [ "get foo\r\n",                 "VALUE foo 0 3\r\nbar\r\nEND\r\n" ],
    [ "mg Zm9v b v\r\n",             "VA 3\r\nbar\r\n" ],
    [ "md Zm9v b\r\n",               "HD\r\n" ],
    [ "get foo\r\n",                 "END\r\n" ],
    [ "ms AAoNIA== 3 b\r\nbin\r\n",  "HD\r\n", 'a key of NUL, LF, CR and space' ],
    [ "mg AAoNIA== b v k\r\n",       "VA 3 kAAoNIA== b\r\nbin\r\n" ],
    [ "mg Zm9 b v\r\n",              $key_error ],
    [ "me YQ== b c d\r\n",           "EN\r\n", 'me looks at its first flag alone' ],
    [ "me YQ= c b\r\n",              "EN\r\n" ],
    [ "mg foo! b v\r\n",             $key_error ],
);

# What is wrong is told, and the connection goes on.
set_ok($c, 'w', 'kept');
replies_are($c,
    [ "mg\r\n",                  "ERROR\r\n" ],
    [ "ms\r\n",                  "ERROR\r\n" ],
    [ "md\r\n",                  "ERROR\r\n" ],
    [ "ms w\r\n",                $format ],
    [ "ms w x\r\n",              $format ],
    [ "ms w -1\r\n",             $format ],
    [ "ms w S2\r\n",             $format ],
    [ "mg w v v\r\n",            "CLIENT_ERROR duplicate flag\r\n" ],
    [ "mg w !\r\n",              "CLIENT_ERROR invalid flag\r\n" ],
    [ "mg w \x7f\r\n",           "CLIENT_ERROR duplicate flag\r\n", 'no letter at all' ],
    [ "mg w \xc3\xa9\r\n",       "CLIENT_ERROR duplicate flag\r\n" ],
    [ "mg w Tx\r\n",             "CLIENT_ERROR bad token in command line format\r\n" ],
    [ "mg w O" . 'o' x 31 . "\r\n", 'HD O' . 'o' x 31 . "\r\n", 'an opaque of 31 bytes' ],
    [ "mg w O" . 'o' x 33 . "\r\n", "CLIENT_ERROR opaque token too long\r\n" ],
    [ "ms w 2 q q\r\nzz\r\n",    "CLIENT_ERROR duplicate flag\r\n", 'the data block is swallowed' ],
    [ "ms w 2 !\r\nzz\r\n",      "CLIENT_ERROR invalid flag\r\n" ],
    [ "ms w 2 Fx\r\nzz\r\n",     $format ],
    [ "ms w 2 Tx\r\nzz\r\n",     "CLIENT_ERROR bad token in command line format\r\n" ],
    [ "ms w 2\r\nabc\r\n",       "CLIENT_ERROR bad data chunk\r\nERROR\r\n" ],
    [ "md w !\r\n",              "CLIENT_ERROR invalid or duplicate flag\r\n" ],
    [ "md w q q\r\n",            "CLIENT_ERROR invalid or duplicate flag\r\n" ],
    [ 'mg ' . 'k' x 251 . " v\r\n", $format ],
    [ 'md ' . 'k' x 251 . "\r\n",   $format ],
);
value_is($c, 'w', 'kept', 'none of them changed anything');
my $big = 'x' x 2_000_000;
reply_is($c, "ms w 2000000\r\n$big\r\n", "SERVER_ERROR object too large for cache\r\n");
value_is($c, 'w', undef, ' ... the old value is gone');
reply_is($c, "ms w 2000000 q\r\n$big\r\n", "SERVER_ERROR object too large for cache\r\n",
         'errors are told to the quiet, too');

# A pipeline as the replication stream has it
my $stream = join '', map { "ms p$_ 3 T0 F$_ q\r\n" . sprintf('%03d', $_) . "\r\n" } 1 .. 999;
reply_is($c, $stream, '', '999 quiet sets');
reply_is($c, join('', map { "md p$_ q\r\n" } grep { $_ % 2 } 1 .. 999), '', 'and quiet deletes');
reply_is($c, join('', map { "mg p$_ q v f\r\n" } 1 .. 999),
         join('', map { "VA 3 f$_\r\n" . sprintf('%03d', $_) . "\r\n" } grep { $_ % 2 == 0 } 1 .. 999),
         'quiet gets tell of the hits alone');
reply_is($c, "set mix 1 0 1\r\n1\r\nmg mix v f\r\nincr mix 1\r\nmg mix v\r\ndelete mix\r\nmd mix\r\n",
         "STORED\r\nVA 1 f1\r\n1\r\n2\r\nVA 1\r\n2\r\nDELETED\r\nNF\r\n",
         'meta and classic commands on one connection');
$server->stop;
done_testing;
