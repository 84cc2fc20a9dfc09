noinst_LIBRARIES += libstore.a
libstore_a_SOURCES = \
	memcached/store/alloc.c memcached/store/alloc.h \
	memcached/store/apply.c \
	memcached/store/arena.c memcached/store/arena.h \
	memcached/store/automove.c memcached/store/automove.h \
	memcached/store/change.c \
	memcached/store/class_counters.def memcached/store/move_waits.def \
	memcached/store/copy.c memcached/store/copy.h \
	memcached/store/counters.def \
	memcached/store/crawler.c memcached/store/crawler.h memcached/store/crawler_private.h \
	memcached/store/dump.c \
	memcached/store/flush.c \
	memcached/store/grace.c memcached/store/grace.h \
	memcached/store/index.c memcached/store/index.h \
	memcached/store/item.h \
	memcached/store/link.c memcached/store/link.h \
	memcached/store/lru.c memcached/store/lru.h \
	memcached/store/maintain.c \
	memcached/store/mover.c memcached/store/mover.h \
	memcached/store/mover_chunk.c memcached/store/mover_chunk.h \
	memcached/store/pages.c memcached/store/pages.h \
	memcached/store/read.c \
	memcached/store/recache.c \
	memcached/store/shared.h \
	memcached/store/slab.c memcached/store/slab.h \
	memcached/store/state.h \
	memcached/store/stats.c \
	memcached/store/store.c memcached/store/store.h \
	memcached/store/stripe.h \
	memcached/store/tombstone.c memcached/store/tombstone.h \
	memcached/store/verify.c \
	memcached/store/watch.c memcached/store/watch.h \
	memcached/store/walk.c memcached/store/walk.h \
	memcached/store/write.c memcached/store/write.h
