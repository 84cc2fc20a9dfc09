# version, verbosity, flush_all, cache_memlimit, quit.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $server = server();
my $c = $server->conn;
my $version = $server->version;

replies_are($c,
    [ "version\r\n",                "VERSION $version\r\n" ],
    [ "version x\r\n",              "VERSION $version\r\n", 'version takes no notice of more words' ],
    [ "refresh_certs\r\n",          "Error TLS not enabled\r\n" ],
    [ "refresh_certs noreply\r\n",  "Error TLS not enabled\r\n" ],
    [ "refresh_certs a b c\r\n",    "Error TLS not enabled\r\n" ],
    [ "refresh_certsx\r\n",         "ERROR\r\n" ],
    [ "verbosity 0\r\n",            "OK\r\n" ],
    [ "verbosity 1 2\r\n",          "OK\r\n" ],
    [ "verbosity 0 noreply\r\n",    '' ],
    [ "verbosity noreply\r\n",      '' ],
    [ "verbosity\r\n",              "ERROR\r\n" ],
    [ "verbosity x\r\n",            "CLIENT_ERROR bad command line format\r\n" ],
    [ "verbosity 1 2 3 4\r\n",      "ERROR\r\n", 'too many words' ],
    [ "verbosity 0\r\n",            "OK\r\n" ],
    [ "cache_memlimit\r\n",         "ERROR\r\n" ],
    [ "cache_memlimit x\r\n",       "ERROR\r\n" ],
    [ "cache_memlimit -1\r\n",      "ERROR\r\n" ],
    [ "cache_memlimit 7\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n" ],
    [ "cache_memlimit 0\r\n", "MEMLIMIT_TOO_SMALL cannot set maxbytes to less than 8m\r\n" ],
    [ "cache_memlimit 100\r\n",     "OK\r\n" ],
);
stat_is($c, 'limit_maxbytes', 100 * 1048576);
reply_is($c, "cache_memlimit 50 noreply\r\n", '');
stat_is($c, 'limit_maxbytes', 50 * 1048576, 'cache_memlimit with noreply does it as well');

# flush_all: what was there is gone, what comes after stays.
for my $command ('flush_all', 'flush_all 0', 'flush_all -1', 'flush_all 0 1') {
    set_ok($c, $_, '1') for qw(a b);
    reply_is($c, "$command\r\n", "OK\r\n");
    reply_is($c, "get a b\r\n", "END\r\n", ' ... everything is gone');
    reply_is($c, "add a 0 0 1\r\n2\r\n", "STORED\r\n", ' ... an add in the same second stores');
    value_is($c, 'a', '2', ' ... and stays');
}
for my $command ('flush_all noreply', 'flush_all 0 noreply') {
    set_ok($c, 'a', '1');
    reply_is($c, "$command\r\n", '');
    value_is($c, 'a', undef, ' ... everything is gone');
}
set_ok($c, 'a', '1');
replies_are($c,
    [ "flush_all x\r\n",                    "CLIENT_ERROR invalid exptime argument\r\n" ],
    [ "flush_all 99999999999999999999\r\n", "CLIENT_ERROR invalid exptime argument\r\n" ],
    [ "flush_all x noreply\r\n",            '' ],
    [ "flush_all 1000000000\r\n",           "OK\r\n", 'as of a time when there was nothing' ],
    [ "flush_all 0 noreply 1\r\n",          "ERROR\r\n", 'too many words' ],
);
value_is($c, 'a', '1', 'a flush_all that is refused flushes nothing, nor one of the past');

# What a flush has taken is gone for every command.
set_ok($c, 'n', '1');
reply_is($c, "flush_all\r\n", "OK\r\n");
replies_are($c,
    [ "incr n 1\r\n",               "NOT_FOUND\r\n", 'after a flush: incr' ],
    [ "append n 0 0 1\r\n1\r\n",    "NOT_STORED\r\n", 'append' ],
    [ "replace n 0 0 1\r\n1\r\n",   "NOT_STORED\r\n", 'replace' ],
    [ "cas n 0 0 1 1\r\n1\r\n",     "NOT_FOUND\r\n", 'cas' ],
    [ "touch n 0\r\n",              "NOT_FOUND\r\n", 'touch' ],
    [ "gat 0 n\r\n",                "END\r\n", 'gat' ],
    [ "delete n\r\n",               "NOT_FOUND\r\n", 'delete' ],
);

# With a delay: until then all is there, then what was stored before is gone.
for my $command ('flush_all 2', 'flush_all 2 noreply') {
    set_ok($c, 'a', 'before');
    reply_is($c, "$command\r\n", $command =~ /noreply/ ? '' : "OK\r\n");
    value_is($c, 'a', 'before', ' ... not yet');
    poll_ok { !defined $c->get('a') } ' ... and then it is gone', 6;
    poll_ok { $c->set('a', 'after'); defined $c->get('a') }
        ' ... and what is stored after that second stays';
}
my $flushes = $c->stats->{cmd_flush};
$c->ask("flush_all\r\nflush_all noreply\r\nflush_all 100\r\nflush_all\r\n");
stat_is($c, 'cmd_flush', $flushes + 4);

# quit
reply_closes($server->conn, "quit\r\n", '', 'quit closes');
reply_closes($server->conn, "quit x\r\n", '', 'with more words, too');
reply_closes($server->conn, "set q 0 0 1\r\n1\r\nget q\r\nquit\r\nget q\r\n",
             "STORED\r\nVALUE q 0 1\r\n1\r\nEND\r\n", 'what stands before quit is answered');
$server->stop;

# -F
$server = server('-F');
$c = $server->conn;
set_ok($c, 'a', '1');
my $refusal = "CLIENT_ERROR flush_all not allowed\r\n";
replies_are($c,
    [ "flush_all\r\n",           $refusal, '-F refuses flush_all' ],
    [ "flush_all 0\r\n",         $refusal ],
    [ "flush_all 10\r\n",        $refusal ],
    [ "flush_all noreply\r\n",   '' ],
    [ "flush_all 0 noreply\r\n", '' ],
);
value_is($c, 'a', '1', ' ... and nothing is flushed');
is($c->stats('settings')->{flush_enabled}, 'no', 'stats settings say so');
$server->stop;
done_testing;
