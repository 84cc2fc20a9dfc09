# The binary protocol: its parser, and sessions that speak it.
binary_unit_tests = t/unit/proto_binary_test t/unit/session_binary_test \
	t/unit/session_binary_limits_test
check_PROGRAMS += $(binary_unit_tests)
TESTS += $(binary_unit_tests)

t_unit_proto_binary_test_SOURCES = t/unit/proto_binary_test.c t/unit/binary_tests.h
t_unit_proto_binary_test_LDADD = $(proto_unit_libs)
session_binary_unit_host = t/unit/binary_tests.h t/unit/session_binary_tests.h $(session_unit_host)
t_unit_session_binary_test_SOURCES = t/unit/session_binary_test.c $(session_binary_unit_host)
t_unit_session_binary_test_LDADD = $(session_unit_libs)
t_unit_session_binary_limits_test_SOURCES = t/unit/session_binary_limits_test.c \
	$(session_binary_unit_host)
t_unit_session_binary_limits_test_LDADD = $(session_unit_libs)
