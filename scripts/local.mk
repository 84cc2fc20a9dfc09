# What operators and testers run: nothing is compiled.
dist_noinst_SCRIPTS += \
	scripts/quickstart \
	scripts/run-tests \
	scripts/lib/demonstrate-pair
dist_noinst_DATA += \
	scripts/lib/MemcachedClient.pm \
	scripts/lib/build \
	scripts/lib/packages

# What a node of a pair needs beside the server; doc/keepalived.md says what goes where.
pairdir = $(pkgdatadir)/keepalived
dist_pair_SCRIPTS = \
	scripts/keepalived/check \
	scripts/keepalived/notify \
	scripts/keepalived/run-memcached
dist_pair_DATA = \
	scripts/keepalived/keepalived-node-a.conf \
	scripts/keepalived/keepalived-node-b.conf \
	scripts/keepalived/memcached-pair.service \
	scripts/keepalived/memcached-pair.tmpfiles
