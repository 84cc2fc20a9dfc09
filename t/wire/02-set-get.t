# What is stored is what is read.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;

my $first = $server->does('first_cas_is_two') ? 2 : 1;
replies_are($c,
    [ "ms first 1 c\r\n1\r\n",                 "HD c$first\r\n", 'the first item of all' ],
    [ "get a\r\n",                             "END\r\n" ],
    [ "set a 0 0 1\r\n1\r\n",                  "STORED\r\n" ],
    [ "get a\r\n",                             "VALUE a 0 1\r\n1\r\nEND\r\n" ],
    [ "set a 5 0 5\r\nhello\r\n",              "STORED\r\n", 'a second set replaces the first' ],
    [ "get a\r\n",                             "VALUE a 5 5\r\nhello\r\nEND\r\n" ],
    [ "bget a\r\n",                            "VALUE a 5 5\r\nhello\r\nEND\r\n", 'an old name of get' ],
    [ "get a b\r\n",                           "VALUE a 5 5\r\nhello\r\nEND\r\n" ],
    [ "set b 0 0 0\r\n\r\n",                   "STORED\r\n", 'an empty value' ],
    [ "get b\r\n",                             "VALUE b 0 0\r\n\r\nEND\r\n" ],
    [ "get a b a\r\n", "VALUE a 5 5\r\nhello\r\nVALUE b 0 0\r\n\r\nVALUE a 5 5\r\nhello\r\nEND\r\n",
      'several keys, in their order, repeated ones too' ],
    [ "get x a y b z\r\n", "VALUE a 5 5\r\nhello\r\nVALUE b 0 0\r\n\r\nEND\r\n",
      'missing keys leave no trace' ],
    [ "get  a   b \r\n", "VALUE a 5 5\r\nhello\r\nVALUE b 0 0\r\n\r\nEND\r\n",
      'spaces between and behind keys do not matter' ],
    [ "  get a\r\n",  "VALUE a 5 5\r\nhello\r\nEND\r\n", 'nor do those before the command' ],
    [ " set  s  0  0  1 \r\n1\r\n", "STORED\r\n", 'nor in a set' ],
    [ "get a\n",      "VALUE a 5 5\r\nhello\r\nEND\r\n", 'a line may end in a bare newline' ],
    [ "set c 0 0 1\n1\r\n", "STORED\r\n", 'that of a set, too' ],
    [ "set c 00 00 01\r\n2\r\n", "STORED\r\n", 'leading zeros' ],
    [ "set c +1 0 +1\r\n3\r\n",  "STORED\r\n", 'plus signs' ],
    [ "get c\r\n",    "VALUE c 1 1\r\n3\r\nEND\r\n" ],
    [ "set c 0 0 1 noreply\r\n4\r\n", '', 'noreply' ],
    [ "get c\r\n",    "VALUE c 0 1\r\n4\r\nEND\r\n" ],
    [ "set c 0 0 1 NOREPLY\r\n5\r\n", "STORED\r\n", 'another word there is not noreply' ],
    [ "set c 0 0 1 noreplyx\r\n6\r\n", "STORED\r\n", 'nor is a longer one' ],
    [ "get c\r\n",    "VALUE c 0 1\r\n6\r\nEND\r\n" ],
);

like($c->ask("gets a b\r\n"),
     qr/^VALUE a 5 5 (\d+)\r\nhello\r\nVALUE b 0 0 (?!\1\r)\d+\r\n\r\nEND\r\n\z/,
     'gets adds a CAS value, each its own');

my $binary = join '', map { chr } 0 .. 255;
set_ok($c, 'binary', $binary);
value_is($c, 'binary', $binary, 'every byte comes back as it went');
for my $value ("\r\n", "END\r\n", "\r\nEND\r\n", "VALUE a 0 1\r\n1\r\nEND\r\n", "MN\r\n", "\0") {
    set_ok($c, 'tricky', $value);
    reply_is($c, "get tricky\r\n",
             sprintf("VALUE tricky 0 %d\r\n%s\r\nEND\r\n", length $value, $value),
             'a value that looks like protocol: ' . show($value));
}

my $other = $server->conn;
value_is($other, 'a', 'hello', 'another connection sees it');
set_ok($other, 'a', 'from there');
value_is($c, 'a', 'from there', 'and the other way round');

for my $count (1, 10, 100, 1000, 20000) {
    $c->put(join '', map { "set many$_ $_ 0 " . length($_) . " noreply\r\n$_\r\n" } 1 .. $count);
    reply_is($c, 'get ' . join(' ', map { "many$_" } 1 .. $count) . "\r\n",
             join('', map { "VALUE many$_ $_ " . length($_) . "\r\n$_\r\n" } 1 .. $count)
                 . "END\r\n", "$count keys in one get");
}
my $items = $c->retrieve('gets ' . join ' ', map { "many$_ missing$_" } 1 .. 5000);
is(scalar @$items, 5000, 'every other of 10,000 keys in one gets is a hit');
is(scalar(grep { $_->{value} eq $_->{flags} && $_->{key} eq "many$_->{value}" } @$items), 5000,
   'each with its own value');

$server->stop;
done_testing;
