noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	memcached/base/bytes.h \
	memcached/base/check.c memcached/base/check.h \
	memcached/base/clock.c memcached/base/clock.h \
	memcached/base/hash.c memcached/base/hash.h \
	memcached/base/lock.c memcached/base/lock.h memcached/base/lock.def \
	memcached/base/mem.c memcached/base/mem.h \
	memcached/base/num.c memcached/base/num.h \
	memcached/base/rng.c memcached/base/rng.h
