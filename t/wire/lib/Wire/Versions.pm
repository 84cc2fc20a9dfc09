package Wire::Versions;

# Where versions of memcached differ, the newest is the contract. One row names a behaviour and the
# oldest version known to have it; its comment says what older ones do instead. A test asks
# `$server->does('name')`.

use strict;
use warnings;

my %since = (
    # binary protocol: watchers of mutations are told of values that are too large; 1.6.38 crashes.
    binary_refusal_watched => '1.6.45',

    # -Y: lines of the file may end with CR LF, and there has to be one; before, the first is refused
    # and an empty file taken.
    auth_file_lines => '1.6.38',

    # -o slab_chunk_max is checked, and counts kilobytes; before, it is taken as it comes.
    slab_chunk_max_kilobytes => '1.6.38',

    # -X forbids `stats detail`, too.
    dump_disables_detail => '1.6.38',

    # `ms`, `md`, `mg`: the flag E gives the new CAS value; before, it is an invalid flag.
    meta_cas_override => '1.6.27',

    # `-l proto[ascii]:...` and `-l tag[name]:...`; before, parts of them are unknown.
    listen_prefixes => '1.6.38',

    # Without -u root is told of `-u root`; before, of the -u switch.
    names_root => '1.6.38',

    # The CAS value of a server's first item; before, it is 1.
    first_cas_is_two => '1.6.38',

    # `lru_crawler metadump` tells the client flags; before, it does not.
    metadump_flags => '1.6.38',

    # `lru_crawler mgdump`; before, it is an ERROR.
    mgdump => '1.6.38',

    # `me`: exp is the time left; before, it is negative.
    meta_debug_time_left => '1.6.38',

    # `md`: the flag x drops the value; before, it is an invalid flag.
    meta_delete_value => '1.6.38',

    # `ms`: append and prepend with N begin an absent item; before, it stays absent.
    meta_append_vivify => '1.6.38',

    # `ms`: the flag s returns the item's size; before, it is ignored.
    meta_set_size => '1.6.38',

    # `stats`: these fields in this order; before, some are missing or named otherwise.
    stats_as_now => '1.6.38',

    # `stats`: slab_reassign_last_busy_status, since 1.6.40; before, there is no such field.
    slab_busy_status => '1.6.40',

    # `watch fetchers`: what a flush has taken is not_found; before, it is flushed.
    watch_flushed_as_not_found => '1.6.38',

    # `watch deletions`; before, there is no such word.
    watch_deletions => '1.6.38',

    # `slabs automove window`, `slabs automove freeratio`; before, errors.
    slabs_automove_window => '1.6.38',

    # `slabs reassign`: a class number up to 63 is a class without pages; before, one above the last
    # class is none.
    slabs_reassign_any_number => '1.6.38',

    # `slabs reassign` copies what a page of a full class holds, and the coldest items go; before, it
    # is what the page holds that goes.
    slabs_reassign_copies => '1.6.38',

    # `quit` by UDP is without effect; before, requests behind it are lost.
    udp_quit => '1.6.38',
);

sub does {
    my ($what, $version) = @_;
    my $first = $since{$what} or die "no behaviour is named $what\n";
    return _number($version) >= _number($first);
}

sub _number {
    my ($version) = @_;
    my @parts = split /\./, $version;
    return $parts[0] * 1_000_000 + $parts[1] * 1_000 + $parts[2];
}

1;
