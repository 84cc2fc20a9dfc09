# Protocol parsers and composers, and the sessions above them.
proto_unit_tests = t/unit/proto_test t/unit/proto_parse_test
session_unit_tests = t/unit/session_test t/unit/session_meta_test t/unit/session_limits_test \
	t/unit/auth_test t/unit/datagram_test t/unit/session_dump_test t/unit/session_model_test
check_PROGRAMS += $(proto_unit_tests) $(session_unit_tests)
TESTS += $(proto_unit_tests) $(session_unit_tests)

proto_unit_libs = libproto.a libbase.a $(CHECK_LIBS) $(PTHREAD_LIBS)
t_unit_proto_test_SOURCES = t/unit/proto_test.c
t_unit_proto_test_LDADD = $(proto_unit_libs)
t_unit_proto_parse_test_SOURCES = t/unit/proto_parse_test.c
t_unit_proto_parse_test_LDADD = $(proto_unit_libs)

session_unit_host = t/unit/session_host.c t/unit/session_host.h t/unit/session_tests.h
session_unit_libs = libserve.a libnet.a libproto.a libstore.a libbase.a $(EVENT_LIBS) \
	$(CHECK_LIBS) $(PTHREAD_LIBS)
t_unit_session_test_SOURCES = t/unit/session_test.c $(session_unit_host)
t_unit_session_test_LDADD = $(session_unit_libs)
t_unit_session_meta_test_SOURCES = t/unit/session_meta_test.c $(session_unit_host)
t_unit_session_meta_test_LDADD = $(session_unit_libs)
t_unit_session_model_test_SOURCES = t/unit/session_model_test.c \
	t/unit/model_request.c t/unit/model_request.h $(session_unit_host)
t_unit_session_model_test_LDADD = $(session_unit_libs)
t_unit_session_dump_test_SOURCES = t/unit/session_dump_test.c $(session_unit_host)
t_unit_session_dump_test_LDADD = $(session_unit_libs)
t_unit_session_limits_test_SOURCES = t/unit/session_limits_test.c $(session_unit_host)
t_unit_session_limits_test_LDADD = $(session_unit_libs)
t_unit_auth_test_SOURCES = t/unit/auth_test.c $(session_unit_host)
t_unit_auth_test_LDADD = $(session_unit_libs)
t_unit_datagram_test_SOURCES = t/unit/datagram_test.c $(session_unit_host)
t_unit_datagram_test_LDADD = $(session_unit_libs)
