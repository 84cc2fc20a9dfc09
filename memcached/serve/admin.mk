# Settings, options, statistics and administration: a part of libserve.a.
serve_admin_SOURCES = \
	memcached/serve/admin_words.h \
	memcached/serve/cmd_admin.c memcached/serve/cmd_admin.h \
	memcached/serve/cmd_lru.c memcached/serve/cmd_lru_crawler.c \
	memcached/serve/cmd_lru_dump.c memcached/serve/dump.h \
	memcached/serve/cmd_slabs.c \
	memcached/serve/cmd_watch.c \
	memcached/serve/class_sizes.c memcached/serve/class_sizes.h \
	memcached/serve/counters.def \
	memcached/serve/debug.h \
	memcached/serve/help.c \
	memcached/serve/options.c memcached/serve/options.h \
	memcached/serve/options_check.c memcached/serve/options_private.h \
	memcached/serve/prefixes.c memcached/serve/prefixes.h \
	memcached/serve/server.h \
	memcached/serve/session.h \
	memcached/serve/settings.c memcached/serve/settings.h memcached/serve/settings.def \
	memcached/serve/settings_table.h \
	memcached/serve/stat_sink.c memcached/serve/stat_sink.h \
	memcached/serve/stats.h \
	memcached/serve/stats_classes.c memcached/serve/stats_classes.def \
	memcached/serve/stats_general.c memcached/serve/stats.def \
	memcached/serve/stats_settings.c \
	memcached/serve/version.h
if ENABLE_DEBUG
serve_admin_SOURCES += memcached/serve/cmd_debug.c
endif
