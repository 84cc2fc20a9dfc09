noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	memcached/net/bufpool.c memcached/net/bufpool.h \
	memcached/net/inbuf.c memcached/net/inbuf.h \
	memcached/net/iovec.h \
	memcached/net/loop.c memcached/net/loop.h \
	memcached/net/outbuf.c memcached/net/outbuf.h \
	memcached/net/socket.c memcached/net/socket.h \
	memcached/net/udp.c memcached/net/udp.h \
	memcached/net/udp_frame.c memcached/net/udp_frame.h \
	memcached/net/wake.c memcached/net/wake.h
