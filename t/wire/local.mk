# The wire tests run against a server that is there: see t/wire/run. Nothing is compiled.
EXTRA_DIST += \
	t/wire/run \
	t/wire/01-start.t \
	t/wire/02-set-get.t \
	t/wire/03-storage.t \
	t/wire/04-delete.t \
	t/wire/05-arith.t \
	t/wire/06-touch-gat.t \
	t/wire/07-admin.t \
	t/wire/08-errors.t \
	t/wire/09-keys.t \
	t/wire/10-values.t \
	t/wire/11-expiry.t \
	t/wire/12-flags.t \
	t/wire/13-long-lines.t \
	t/wire/14-split.t \
	t/wire/15-stats.t \
	t/wire/16-slow-reader.t \
	t/wire/17-memory.t \
	t/wire/18-connections.t \
	t/wire/20-options.t \
	t/wire/21-listen.t \
	t/wire/22-process.t \
	t/wire/30-meta.t \
	t/wire/lib/Wire.pm \
	t/wire/lib/Wire/Client.pm \
	t/wire/lib/Wire/Conn.pm \
	t/wire/lib/Wire/Server.pm \
	t/wire/lib/Wire/Versions.pm \
	t/wire/clients/run \
	t/wire/clients/01-memccapable.t \
	t/wire/clients/02-memctools.t \
	t/wire/clients/03-pymemcache.t \
	t/wire/clients/pymemcache_client.py \
	t/wire/clients/04-php.t \
	t/wire/clients/php_client.php \
	t/wire/clients/05-perl.t
