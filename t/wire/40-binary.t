# The binary protocol: every opcode, its quiet form, its errors.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;
use Wire::Binary;

my $server = server();
my $c = $server->conn;

my ($missing, $exists) = ('not found "Not found"', 'exists "Data exists for key."');
my $not_stored = 'not stored "Not stored."';
my $no_number = 'not a number "Non-numeric server-side value for incr or decr"';

# [request, replies, name]
for my $row (
    [ ask('noop'), 'noop:' ],
    [ ask(get => 'a'), "get: $missing", 'a miss' ],
    [ ask(getk => 'a'), 'getk: not found k=a', 'a miss with the key' ],
    [ ask(getq => 'a'), '', 'a miss of a quiet get' ],
    [ ask(getkq => 'a'), '', 'a miss of a quiet getk' ],
    [ ask(set => 'a', STORE, 'abc'), 'set:' ],
    [ ask(get => 'a'), 'get: [00000007] "abc"' ],
    [ ask(getk => 'a'), 'getk: [00000007] k=a "abc"' ],
    [ ask(getq => 'a'), 'getq: [00000007] "abc"' ],
    [ ask(getkq => 'a'), 'getkq: [00000007] k=a "abc"' ],
    [ ask(setq => 'a', STORE, 'def'), '', 'a quiet set' ],
    [ ask(get => 'a'), 'get: [00000007] "def"' ],
    [ ask(set => 'empty', STORE), 'set:', 'an empty value' ],
    [ ask(get => 'empty'), 'get: [00000007]' ],
    [ ask(set => 'a', pack('NN', 4294967295, 0), 'abc'), 'set:' ],
    [ ask(get => 'a'), 'get: [ffffffff] "abc"', 'all flags' ],
    [ ask(add => 'a', STORE, 'x'), "add: $exists" ],
    [ ask(addq => 'a', STORE, 'x'), "addq: $exists" ],
    [ ask(add => 'b', STORE, 'x'), 'add:' ],
    [ ask(addq => 'c', STORE, 'x'), '' ],
    [ ask(replace => 'b', STORE, 'y'), 'replace:' ],
    [ ask(replaceq => 'b', STORE, 'm'), '' ],
    [ ask(replace => 'none', STORE, 'y'), "replace: $missing" ],
    [ ask(replaceq => 'none', STORE, 'y'), "replaceq: $missing" ],
    [ ask(append => 'b', '', '>'), 'append:' ],
    [ ask(prepend => 'b', '', '<'), 'prepend:' ],
    [ ask(appendq => 'b', '', ']'), '' ],
    [ ask(prependq => 'b', '', '['), '' ],
    [ ask(append => 'b'), 'append:', 'append of nothing' ],
    [ ask(get => 'b'), 'get: [00000007] "[<m>]"' ],
    [ ask(append => 'none', '', 'x'), "append: $not_stored" ],
    [ ask(prependq => 'none', '', 'x'), "prependq: $not_stored" ],
    [ ask(delete => 'b'), 'delete:' ],
    [ ask(delete => 'b'), "delete: $missing" ],
    [ ask(deleteq => 'c'), '' ],
    [ ask(deleteq => 'c'), "deleteq: $missing" ],
    [ ask(incr => 'n', by(1, 5, 0xffffffff)), "incr: $missing", 'incr that may not create' ],
    [ ask(decrq => 'n', by(1, 5, 0xffffffff)), "decrq: $missing" ],
    [ ask(incr => 'n', by(1, 5)), 'incr: 5', 'incr creates with the initial value' ],
    [ ask(incr => 'n', by(1, 5)), 'incr: 6' ],
    [ ask(decr => 'n', by(2, 5)), 'decr: 4' ],
    [ ask(decr => 'n', by(9, 5)), 'decr: 0', 'decr stops at 0' ],
    [ ask(get => 'n'), 'get: [00000000] "0"' ],
    [ ask(incrq => 'n', by(11)), '' ],
    [ ask(decrq => 'n', by(1)), '' ],
    [ ask(get => 'n'), 'get: [00000000] "10"' ],
    [ ask(incr => 'n', by(0)), 'incr: 10', 'incr by 0' ],
    [ ask(set => 'n', STORE, '18446744073709551615'), 'set:' ],
    [ ask(incr => 'n', by(1)), 'incr: 0', 'incr wraps' ],
    [ ask(incr => 'a', by(1)), "incr: $no_number" ],
    [ ask(decrq => 'a', by(1)), "decrq: $no_number" ],
    [ ask(set => 'n', STORE, '1' x 21), 'set:' ],
    [ ask(incr => 'n', by(1)), "incr: $no_number", 'a number too long' ],
    [ ask(incrq => 'm', by(1, 18446744073709551615)), '' ],
    [ ask(getq => 'm'), 'getq: [00000000] "18446744073709551615"', 'the largest initial value' ],
    [ ask(touch => 'a', FOR_EVER), 'touch: [ffffffff]' ],
    [ ask(touch => 'none', FOR_EVER), "touch: $missing" ],
    [ ask(gat => 'a', FOR_EVER), 'gat: [ffffffff] "abc"' ],
    [ ask(gatq => 'a', FOR_EVER), 'gatq: [ffffffff] "abc"' ],
    [ ask(gatk => 'a', FOR_EVER), 'gatk: [ffffffff] k=a "abc"' ],
    [ ask(gatkq => 'a', FOR_EVER), 'gatkq: [ffffffff] k=a "abc"' ],
    [ ask(gat => 'none', FOR_EVER), "gat: $missing" ],
    [ ask(gatk => 'none', FOR_EVER), 'gatk: not found k=none' ],
    [ ask(gatq => 'none', FOR_EVER), '' ],
    [ ask(gatkq => 'none', FOR_EVER), '' ],
    [ ask('flush'), 'flush:' ],
    [ ask(get => 'a'), "get: $missing", 'flush flushes' ],
    [ ask(set => 'a', STORE, 'abc'), 'set:' ],
    [ ask(flush => '', FOR_EVER), 'flush:', 'flush with a delay of 0' ],
    [ ask(get => 'a'), "get: $missing" ],
    [ ask(set => 'a', STORE, 'abc') . ask('flushq'), 'set:', 'flushq says nothing' ],
    [ ask(get => 'a'), "get: $missing" ],
    [ ask(set => 'a', STORE, 'abc'), 'set:' ],
    [ ask(flush => '', pack 'N', 1000), 'flush:' ],
    [ ask(get => 'a'), 'get: [00000007] "abc"', 'a flush to come' ],
    [ ask('flush'), 'flush:' ],
    [ ask(sasl_list => ''), 'sasl_list: unknown "Unknown command"', 'without SASL: no mechanisms' ],
    [ ask(sasl_auth => 'PLAIN', '', "\0user\0password"), 'sasl_auth: unknown "Unknown command"' ],
    [ ask(sasl_step => 'PLAIN', '', 'x' x 20_000), 'sasl_step: unknown "Unknown command"' ],
    [ ask('noop', '', '', '', opaque => 0x01020304), 'noop: opaque=1020304', 'the opaque value' ],
    [ ask(get => 'a', '', '', opaque => 0xffffffff, cas => 77), 'get: not found opaque=ffffffff "Not found"' ],
    [ ask(get => 'a', '', '', bucket => 513), "get: $missing", 'the bucket means nothing' ],
) {
    binary_is($c, @$row);
}
binary_is($c, ask('version'), 'version: "' . $server->version . '"', 'version is that of -V');

# Every opcode that there is not
my %known = map { $_ => 1 } 0x00 .. 0x1a, 0x1c .. 0x1e, 0x20 .. 0x24;
my @unknown = grep { !$known{$_} } 0 .. 255;
binary_is($c, join('', map { ask($_) } @unknown),
          join('; ', map { ($_ == 0x1b ? 'verbosity' : sprintf '0x%02x', $_)
                           . ': unknown "Unknown command"' } @unknown), 'opcodes that are none');

# CAS
binary_is($c, ask(set => 'a', STORE, '1'), 'set:');
my $cas = cas_of_binary($c, 'a');
ok($cas, 'an item has a CAS value');
my ($stored) = replies_of(binary_like($c, ask(set => 'a', STORE, '2', cas => $cas), qr/^set:\z/));
isnt($stored->[0]{cas}, $cas, 'storing gives a new one');
is(cas_of_binary($c, 'a'), $stored->[0]{cas}, ' ... which the reply tells');
for my $name (qw(set setq add addq replace replaceq)) {
    binary_is($c, ask($name => 'a', STORE, 'x', cas => $cas), "$name: $exists", "$name, another CAS");
    binary_is($c, ask($name => 'none', STORE, 'x', cas => $cas), "$name: $missing",
              "$name with a CAS value of what is not there");
    my $now = cas_of_binary($c, 'a');
    binary_is($c, ask($name => 'a', STORE, $name, cas => $now), $name =~ /q\z/ ? '' : "$name:",
              "$name, the right CAS");
    binary_is($c, ask(get => 'a'), qq(get: [00000007] "$name"));
}
for my $name (qw(append appendq prepend prependq)) {
    binary_is($c, ask($name => 'a', '', 'x', cas => $cas), "$name: $exists", "$name, another CAS");
    binary_is($c, ask($name => 'none', '', 'x', cas => $cas), "$name: $not_stored");
    my $now = cas_of_binary($c, 'a');
    binary_is($c, ask($name => 'a', '', 'x', cas => $now), $name =~ /q\z/ ? '' : "$name:",
              "$name, the right CAS");
}
binary_is($c, ask(get => 'a'), 'get: [00000007] "xxreplaceqxx"');
binary_is($c, ask(set => 'n', STORE, '1'), 'set:');
binary_is($c, ask(incr => 'n', by(1), '', cas => 1), "incr: $exists", 'incr, another CAS');
binary_is($c, ask(incr => 'n', by(1), '', cas => cas_of_binary($c, 'n')), 'incr: 2');
binary_is($c, ask(decr => 'n2', by(1, 9), '', cas => 1), 'decr: 9', 'a CAS value, and no key');
binary_is($c, ask(delete => 'n', '', '', cas => 1), "delete: $exists", 'delete, another CAS');
binary_is($c, ask(delete => 'none', '', '', cas => 1), "delete: $missing");
binary_is($c, ask(delete => 'n', '', '', cas => cas_of_binary($c, 'n')), 'delete:');
my ($reply) = replies_of(binary_like($c, ask(incr => 'n', by(1, 1)), qr/^incr: 1\z/));
is($reply->[0]{cas}, cas_of_binary($c, 'n'), 'incr tells the CAS value');
($reply) = replies_of(binary_like($c, ask(touch => 'n', FOR_EVER), qr/^touch:/));
is($reply->[0]{cas}, cas_of_binary($c, 'n'), 'touch, too');
($reply) = replies_of(binary_like($c, ask(delete => 'n'), qr/^delete:/));
is($reply->[0]{cas}, 0, 'delete has none');

# Keys are bytes.
for my $key (' ', "a b\r\n", "\0", join('', map { chr } 0 .. 249), 'k' x 250) {
    binary_is($c, ask(set => $key, STORE, 'v') . ask(get => $key), 'set:; get: [00000007] "v"',
              'the key ' . show($key));
}

# Both protocols see the same items.
my $text = $server->conn;
binary_is($c, ask(set => 'shared', pack('NN', 5, 0), 'v'), 'set:');
reply_is($text, "gets shared\r\n", 'VALUE shared 5 1 ' . cas_of_binary($c, 'shared') . "\r\nv\r\nEND\r\n",
         'text sees what binary stored');
reply_is($text, "set shared 9 0 2\r\n12\r\n", "STORED\r\n");
binary_is($c, ask(incr => 'shared', by(1)), 'incr: 13');
binary_is($c, ask(get => 'shared'), 'get: [00000009] "13"', 'and the other way round');

# Times
for my $row ([ 0, qr/^HD t-1/ ], [ 100, qr/^HD t(?:100|99)\r/ ], [ 2592001, qr/^EN/ ],
             [ time + 500, qr/^HD t(?:50[01]|49\d)\r/ ], [ 0xfffffffe, qr/^HD t\d{10}\r/ ]) {
    my ($exptime, $left) = @$row;
    binary_is($c, ask(set => 't', pack('NN', 0, $exptime), '1'), 'set:');
    reply_like($text, "mg t t\r\n", $left, "set for $exptime");
    binary_is($c, ask(set => 't', STORE, '1') . ask(touch => 't', pack 'N', $exptime),
              'set:; touch: [00000007]');
    reply_like($text, "mg t t\r\n", $left, "touch for $exptime");
    binary_is($c, ask(set => 't', STORE, '1') . ask(gat => 't', pack 'N', $exptime),
              'set:; gat: [00000007] "1"');
    reply_like($text, "mg t t\r\n", $left, "gat for $exptime");
    binary_is($c, ask(flush => '') . ask(incr => 't', by(1, 1, $exptime)), 'flush:; incr: 1');
    reply_like($text, "mg t t\r\n", $left, "incr creates for $exptime");
}
binary_is($c, ask(set => 't', pack('NN', 0, 0xfffffffe), '1'), 'set:');
reply_like($text, "me t\r\n", qr/ exp=-\d+ /, 'me counts a lifetime in 32 bits')
    if $server->does('meta_debug_time_left');
binary_is($c, ask(set => 't', pack('NN', 0, 1000), '1') . ask(incr => 't', by(1, 1, 5)), 'set:; incr: 2');
reply_like($text, "mg t t\r\n", qr/^HD t(?:1000|99\d)\r/, 'incr of what is there changes no time');

# quit
binary_closes($c, ask('noop') . ask('quit') . ask('noop'), 'noop:; quit:', 'quit');
binary_closes($c, ask('noop') . ask('quitq') . ask('noop'), 'noop:', 'quitq');

$server->stop;
done_testing;
