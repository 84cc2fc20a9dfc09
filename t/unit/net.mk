check_PROGRAMS += t/unit/net_test
TESTS += t/unit/net_test
t_unit_net_test_SOURCES = \
	t/unit/net_bufpool.c \
	t/unit/net_inbuf.c \
	t/unit/net_loop.c \
	t/unit/net_main.c \
	t/unit/net_outbuf.c \
	t/unit/net_socket.c \
	t/unit/net_udp.c \
	t/unit/net_tests.h
t_unit_net_test_LDADD = libnet.a libbase.a $(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
