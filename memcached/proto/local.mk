noinst_LIBRARIES += libproto.a
libproto_a_SOURCES = \
	memcached/proto/base64.c memcached/proto/base64.h \
	memcached/proto/key.c memcached/proto/key.h \
	memcached/proto/stream.c memcached/proto/stream.h
