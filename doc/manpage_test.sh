#!/bin/sh
# The manual page is what `make man` would write, tells of what -h tells of, and is well formed as far
# as the tools here can say.
set -u
: "${top_srcdir:?from make check}" "${top_builddir:?from make check}"
page=$top_srcdir/doc/memcached.1
status=0

fail() {
    echo "FAILED: $*"
    status=1
}

"$top_builddir/doc/manpage" "$top_srcdir/doc/memcached.1.in" | cmp - "$page" ||
    fail 'doc/memcached.1 is not of this settings.def and frame: run make man'

"$top_builddir/memcached/memcached" -h |
    sed -n 's/^-., \(--[a-z-]*\).*/\1/p; s/^   - \([a-z_]*\):.*/\1/p' | sed 's/-/\\-/g' |
    while read -r option; do
        grep -qF -e "$option" "$page" || echo "$option"
    done >manpage_test.missing
[ -s manpage_test.missing ] && fail "not told of: $(cat manpage_test.missing)"
rm -f manpage_test.missing

if command -v lexgrog >/dev/null 2>&1; then
    lexgrog "$page" >/dev/null || fail 'lexgrog finds no name and description'
fi
if command -v man >/dev/null 2>&1; then
    warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l "$page" 2>&1 >/dev/null)
    [ -z "$warnings" ] || fail "man warns: $warnings"
fi
exit $status
