# incr and decr.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $max = '18446744073709551615';
my $bad_delta = "CLIENT_ERROR invalid numeric delta argument\r\n";
my $not_numeric = "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n";

# [stored, command, reply, stored then]
for my $row (
    [ '10',       'incr n 1',        "11\r\n",     '11' ],
    [ '10',       'incr n 0',        "10\r\n",     '10' ],
    [ '10',       'incr n 90',       "100\r\n",    '100',  'the value grows by a digit' ],
    [ '10',       'decr n 1',        "9\r\n",      '9 ',   'a shorter number is padded' ],
    [ '100',      'decr n 99',       "1\r\n",      '1  ' ],
    [ '10',       'decr n 10',       "0\r\n",      '0 ' ],
    [ '10',       'decr n 11',       "0\r\n",      '0 ',   'decr stops at 0' ],
    [ '10',       "decr n $max",     "0\r\n",      '0 ' ],
    [ '9 ',       'incr n 1',        "10\r\n",     '10',   'a padded number is a number' ],
    [ '9 ',       'incr n 91',       "100\r\n",    '100' ],
    [ '12 ',      'incr n 1',        "13\r\n",     '13 ' ],
    [ ' 12',      'incr n 1',        "13\r\n",     '13 ',  'leading spaces' ],
    [ $max,       'incr n 1',        "0\r\n",      '0' . ' ' x 19, 'incr wraps at 64 bits' ],
    [ $max,       'incr n 11',       "10\r\n",     '10' . ' ' x 18 ],
    [ $max,       'incr n 0',        "$max\r\n",   $max ],
    [ '1',        "incr n $max",     "0\r\n",      '0',    'a delta of 64 bits' ],
    [ '0',        "incr n $max",     "$max\r\n",   $max ],
    [ $max,       "decr n $max",     "0\r\n",      '0' . ' ' x 19 ],
    [ '00000000000000000010',  'incr n 1', "11\r\n", '11' . ' ' x 18, 'leading zeros' ],
    [ '000000000000000000010', 'incr n 1', "11\r\n", '11' . ' ' x 19, 'more than 20 digits' ],
    [ '1' . ' ' x 21,          'incr n 1', "2\r\n",  '2' . ' ' x 21 ],
    [ "5\0",      'incr n 1',        "6\r\n",      '6 ',  'a NUL ends the number' ],
    [ "5\0x",     'decr n 1',        "4\r\n",      '4  ' ],
    [ "\x005",    'incr n 1',        $not_numeric, "\x005" ],
    [ '10',       'incr n 1 2',      "11\r\n",     '11',   'a further word is ignored' ],
    [ '10',       'incr n 1 noreply', '',          '11' ],
    [ '10',       'decr n 1 noreply', '',          '9 ' ],
    [ '10',       'incr n 18446744073709551616', $bad_delta, '10', 'a delta of more than 64 bits' ],
    [ '10',       'incr n x',        $bad_delta,   '10' ],
    [ '10',       'incr n -1',       $bad_delta,   '10' ],
    [ '10',       'decr n -1',       $bad_delta,   '10' ],
    [ '10',       'decr n 1.5',      $bad_delta,   '10' ],
    [ '10',       'incr n x noreply', '',          '10' ],
    [ 'abc',      'incr n 1',        $not_numeric, 'abc' ],
    [ 'abc',      'decr n 1',        $not_numeric, 'abc' ],
    [ '12x',      'incr n 1',        $not_numeric, '12x' ],
    [ '-1',       'incr n 1',        $not_numeric, '-1' ],
    [ '',         'incr n 1',        $not_numeric, '' ],
    [ '1.5',      'incr n 1',        $not_numeric, '1.5' ],
    [ 'abc',      'incr n 1 noreply', '',          'abc' ],
    [ '18446744073709551616', 'incr n 1', $not_numeric, '18446744073709551616',
      'a number of more than 64 bits' ],
    [ '10',       'incr n',          "ERROR\r\n",  '10' ],
    [ '10',       'incr',            "ERROR\r\n",  '10' ],
    [ '10',       'decr',            "ERROR\r\n",  '10' ],
) {
    my ($stored, $command, $reply, $then, $name) = @$row;
    $c->set('n', $stored, 77);
    reply_is($c, "$command\r\n", $reply, "'$stored': $command" . ($name ? ": $name" : ''));
    reply_is($c, "get n\r\n", sprintf("VALUE n 77 %d\r\n%s\r\nEND\r\n", length $then, $then),
             " ... leaves '$then', and the flags");
}

replies_are($c,
    [ "incr missing 1\r\n",          "NOT_FOUND\r\n" ],
    [ "decr missing 1\r\n",          "NOT_FOUND\r\n" ],
    [ "incr missing 1 noreply\r\n",  '' ],
    [ "get missing\r\n",             "END\r\n" ],
    [ "incr missing x\r\n",          $bad_delta, 'the delta is looked at first' ],
);

# A number counted by several connections at once misses none.
set_ok($c, 'count', '0');
my @many = conns($server, 8);
$_->put("incr count 1 noreply\r\n" x 500 . "mn\r\n") for @many;
is(join('', map { $_->take(4) } @many), "MN\r\n" x 8, '8 connections count 500 each');
value_is($c, 'count', '4000', 'and none is missed');

set_ok($c, 'ten', '1');
my $number = 1;
for my $digits (2 .. 20) {
    my $delta = $number * 9;
    $number = $digits == 20 ? '10000000000000000000' : $number * 10;
    $delta = '9000000000000000000' if $digits == 20;
    reply_is($c, "incr ten $delta\r\n", "$number\r\n", "$digits digits");
}
$server->stop;
done_testing;
