#!/bin/sh
# Makes ./configure. Needed in a checkout only: a released archive brings it along.
set -eu
cd -- "$(dirname -- "$0")"

for tool in autoconf automake; do
    command -v "$tool" >/dev/null 2>&1 || {
        printf 'autogen.sh: %s is missing: install it (Debian package: %s)\n' "$tool" "$tool" >&2
        exit 1
    }
done
exec autoreconf --force --install
