noinst_LIBRARIES += libproto.a
libproto_a_SOURCES = \
	memcached/proto/base64.c memcached/proto/base64.h \
	memcached/proto/binary.c memcached/proto/binary.h \
	memcached/proto/binary_opcodes.def memcached/proto/binary_statuses.def \
	memcached/proto/key.c memcached/proto/key.h \
	memcached/proto/meta.c memcached/proto/meta.def memcached/proto/meta.h \
	memcached/proto/number.c memcached/proto/number.h \
	memcached/proto/parse.c memcached/proto/parse.h \
	memcached/proto/parse_line.c \
	memcached/proto/request.c memcached/proto/request.h \
	memcached/proto/request_errors.def \
	memcached/proto/scan.h \
	memcached/proto/stream.c memcached/proto/stream.h \
	memcached/proto/uri.c memcached/proto/uri.h \
	memcached/proto/verbs.def
