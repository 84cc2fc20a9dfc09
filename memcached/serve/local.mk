noinst_LIBRARIES += libserve.a
libserve_a_SOURCES = \
	memcached/serve/auth.c memcached/serve/auth.h \
	memcached/serve/cmd_arith.c \
	memcached/serve/cmd_binary.c memcached/serve/cmd_binary.h \
	memcached/serve/cmd_binary_get.c \
	memcached/serve/cmd_binary_store.c \
	memcached/serve/cmd_delete.c \
	memcached/serve/cmd_get.c \
	memcached/serve/cmd_meta.c memcached/serve/cmd_meta.h \
	memcached/serve/cmd_meta_get.c \
	memcached/serve/cmd_meta_store.c \
	memcached/serve/cmd_store.c \
	memcached/serve/cmd_touch.c \
	memcached/serve/compose.c memcached/serve/compose.h \
	memcached/serve/datagram.c memcached/serve/datagram.h \
	memcached/serve/event.c memcached/serve/event.h memcached/serve/events.def \
	memcached/serve/event_log.c memcached/serve/event_log.h \
	memcached/serve/event_ring.c memcached/serve/event_ring.h \
	memcached/serve/exptime.h \
	memcached/serve/link.c \
	memcached/serve/login.c \
	memcached/serve/session.c \
	memcached/serve/session_binary.c \
	memcached/serve/turn.c memcached/serve/turn.h \
	memcached/serve/value.c \
	$(serve_admin_SOURCES)
