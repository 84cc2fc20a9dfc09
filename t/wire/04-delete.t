# delete, in all its historic spellings.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $usage = "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n";

# [command, reply when the key exists, does it go away]. The time to delay a delete by, which
# very old servers took, is refused unless it is 0; 1.6.45 answers NOT_FOUND there, and what
# compliance testers accept is this.
for my $row (
    [ 'delete a',               "DELETED\r\n", 1 ],
    [ 'delete a 0',             "DELETED\r\n", 1 ],
    [ 'delete a noreply',       '',            1 ],
    [ 'delete a 0 noreply',     '',            1 ],
    [ 'delete  a  ',            "DELETED\r\n", 1 ],
    [ 'delete a 5',             $usage,        0 ],
    [ 'delete a -1',            $usage,        0 ],
    [ 'delete a 00',            $usage,        0 ],
    [ 'delete a b',             $usage,        0 ],
    [ 'delete a 0 0',           $usage,        0 ],
    [ 'delete a 0 5',           $usage,        0 ],
    [ 'delete a noreply 0',     $usage,        0 ],
    [ 'delete a noreply x',     $usage,        0 ],
    [ 'delete a 5 noreply',     '',            0 ],
    [ 'delete a b noreply',     '',            0 ],
    [ 'delete a 0 noreply x',   "ERROR\r\n",   0 ],
    [ 'delete a 0 0 noreply',   "ERROR\r\n",   0 ],
    [ 'delete',                 "ERROR\r\n",   0 ],
    [ 'delete ',                "ERROR\r\n",   0 ],
) {
    my ($command, $reply, $is_gone) = @$row;
    $c->set('a', 'value');
    reply_is($c, "$command\r\n", $reply);
    value_is($c, 'a', $is_gone ? undef : 'value', $is_gone ? ' ... deletes' : ' ... deletes nothing');
}

replies_are($c,
    [ "set a 0 0 1\r\n1\r\ndelete a\r\n", "STORED\r\nDELETED\r\n" ],
    [ "delete a\r\n",            "NOT_FOUND\r\n", 'a second delete finds nothing' ],
    [ "delete a 0\r\n",          "NOT_FOUND\r\n" ],
    [ "delete a noreply\r\n",    '' ],
    [ "delete a 0 noreply\r\n",  '' ],
    [ "add a 0 0 1\r\n2\r\n",    "STORED\r\n", 'add after delete stores' ],
    [ "get a\r\n",               "VALUE a 0 1\r\n2\r\nEND\r\n" ],
);
$server->stop;
done_testing;
