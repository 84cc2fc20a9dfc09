# The first page of a slab class: it has one whatever memory is in use, beyond the limit if need be.
use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;
use Wire;

my $out_of_memory = "SERVER_ERROR out of memory storing object\r\n";

sub put_value { my ($c, $key, $bytes) = @_; return $c->set($key, 'x' x $bytes) }

# Values of 1000 bytes until memory is used up, and some more. How many were stored, and their class.
sub fill {
    my ($c, $megabytes) = @_;
    my $count = 3000 * $megabytes;
    my $value = 'x' x 1000;
    my $stored = 0;
    for my $from (map { $_ * 1000 } 0 .. $count / 1000 - 1) {
        $c->put(join '', map { "set k$_ 0 0 1000\r\n$value\r\n" } $from .. $from + 999);
        $stored += () = join('', map { $c->line } 1 .. 1000) =~ /^STORED/mg;
    }
    my ($class) = keys %{ pages_of($c) };
    return ($stored, $class);
}

# Class => pages.
sub pages_of {
    my ($c) = @_;
    my $slabs = $c->stats('slabs');
    return { map { /^(\d+):total_pages\z/ ? ($1 => $slabs->{$_}) : () } keys %$slabs };
}

sub malloced { my ($c) = @_; return $c->stats('slabs')->{total_malloced} / 1048576 }

# Sizes of values, each of another class than the ones before.
my @sizes = (1, 300, 5_000, 20_000, 60_000, 100_000, 200_000, 400_000);

for my $row (
    [ 1,  '-I', '512k' ],
    [ 1,  '-I', '512k', '-M' ],
    [ 2 ],
    [ 2,  '-M' ],
    [ 8 ],
    [ 8,  '-M' ],
    [ 8,  '-M', '-I', '2m' ],
    [ 8,  '-o', 'no_slab_reassign' ],
    [ 16, '-I', '8m' ],
) {
    my ($megabytes, @options) = @$row;
    my $refuses = grep { $_ eq '-M' } @options;
    my $server = server('-m', $megabytes, @options);
    my $c = $server->conn;
    my ($stored, $class) = fill($c, $megabytes);
    is($stored, $refuses ? 885 * $megabytes : 3000 * $megabytes,
       "-m $megabytes @options: $stored values of 1000 bytes");
    is_deeply(pages_of($c), { $class => $megabytes }, ' ... take all pages');
    my $evictions = $c->stats->{evictions};
    is($evictions, (3000 - 885) * $megabytes * !$refuses, " ... $evictions are evicted");
    is(put_value($c, "z$_", $_), "STORED\r\n", "a first value of $_ bytes is stored") for @sizes;
    my $pages = pages_of($c);
    is($pages->{$class}, $megabytes, ' ... the others keep their pages');
    is_deeply([ sort { $a <=> $b } values %$pages ], [ sort { $a <=> $b } (1) x @sizes, $megabytes ],
              ' ... and each class has one page');
    is(malloced($c), $megabytes + @sizes, ' ... that is beyond the limit');
    my $stats = $c->stats;
    is($stats->{evictions}, $evictions, ' ... nothing goes for that');
    is($stats->{slabs_moved} // 0, 0, ' ... and no page moves');
    is($stats->{limit_maxbytes}, $megabytes * 1048576, ' ... the limit is what it was');
    # a page of these holds two
    my @more = map { put_value($c, "more$_", 400_000) } 1 .. 3;
    is_deeply(\@more, [ "STORED\r\n", ($refuses ? $out_of_memory : "STORED\r\n") x 2 ],
              'a second page is not to be had');
    is(put_value($c, 'again', 1000), $refuses ? $out_of_memory : "STORED\r\n",
       ' ... nor is one of the first class');
    my $items = $c->stats('items');
    my ($last) = sort { $b <=> $a } keys %$pages;
    is($items->{"items:$last:outofmemory"}, $refuses ? 2 : 0, ' ... which is counted');
    is($c->stats->{evictions}, $evictions + ($refuses ? 0 : 3), ' ... or evicts');
    is(malloced($c), $megabytes + @sizes, ' ... and takes no memory');
    is_deeply(pages_of($c), $pages);
    $server->stop;
}

# What is beyond the limit goes back when a page leaves its class; a higher limit covers it.
my $server = server('-m', 8, '-o', 'slab_automove=0');
my $c = $server->conn;
my ($stored, $class) = fill($c, 8);
put_value($c, "z$_", $_) for @sizes;
my ($first) = sort { $a <=> $b } keys %{ pages_of($c) };
is(malloced($c), 8 + @sizes, 'eight pages, and the first ones beyond');
reply_is($c, "slabs reassign $class 0\r\n", "OK\r\n");
poll_ok { malloced($c) == 7 + @sizes } 'a page that no class has goes back';
poll_ok { !$c->stats->{slab_reassign_running} } ' ... and that ends';
stat_is($c, 'slab_global_page_pool', 0, ' ... and is in no pool');
reply_is($c, "slabs reassign $class $first\r\n", "OK\r\n");
poll_ok { pages_of($c)->{$first} == 2 } 'a page that another class gets stays';
poll_ok { !$c->stats->{slab_reassign_running} } ' ... and that ends';
is(malloced($c), 7 + @sizes);
reply_is($c, "slabs reassign 39 $first\r\n", "NOSPARE source class has no spare pages\r\n",
         'no class gives its last page');
reply_is($c, "cache_memlimit 18\r\n", "OK\r\n");
fill($c, 18);
is(malloced($c), 18, 'a higher limit covers them all');
is(pages_of($c)->{$class}, 18 - 1 - @sizes, ' ... the others get what is left');
$server->stop;

# Within the limit, a page that no class has stays for whom it is needed by.
$server = server('-m', 8, '-o', 'slab_automove=0');
$c = $server->conn;
$c->put(join '', map { "set k$_ 0 0 1000 noreply\r\n" . 'x' x 1000 . "\r\n" } 1 .. 4000);
stat_is($c, 'curr_items', 4000);
($class) = keys %{ pages_of($c) };
is(malloced($c), 5, 'five pages');
$c->put(join '', map { "delete k$_ noreply\r\n" } grep { $_ % 2 } 1 .. 4000);
reply_is($c, "slabs reassign $class 0\r\n", "OK\r\n");
poll_ok { $c->stats->{slab_global_page_pool} == 1 } ' ... of which one goes to the pool';
is(pages_of($c)->{$class}, 4);
is(malloced($c), 5, ' ... and is counted there');
is(put_value($c, 'other', 5000), "STORED\r\n");
stat_is($c, 'slab_global_page_pool', 0, ' ... until a class takes it');
is(malloced($c), 5);
$server->stop;

# -L: every class has its first page from the start, and the limit has to hold them.
$server = server('-L', '-m', 64);
$c = $server->conn;
is_deeply(pages_of($c), { map { $_ => 1 } 1 .. 39 }, '-L: a page for each class');
is($c->stats('slabs')->{'5:free_chunks'}, 4369, ' ... all of it free');
is(malloced($c), 39);
stat_is($c, 'curr_items', 0);
$c->put(join '', map { "set k$_ 0 0 1000 noreply\r\n" . 'x' x 1000 . "\r\n" } 1 .. 30_000);
my ($most) = sort { $b <=> $a } values %{ pages_of($c) };
is($most, 64 - 38, ' ... the others are left for whom they are needed by');
is(malloced($c), 64);
$server->stop;
done_testing;
