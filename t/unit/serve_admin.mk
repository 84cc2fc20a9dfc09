serve_admin_unit_libs = libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += t/unit/options_test t/unit/stats_test
TESTS += t/unit/options_test t/unit/stats_test
t_unit_options_test_SOURCES = t/unit/options_test.c
t_unit_options_test_LDADD = $(serve_admin_unit_libs)
t_unit_stats_test_SOURCES = t/unit/stats_test.c
t_unit_stats_test_LDADD = $(serve_admin_unit_libs)

check_PROGRAMS += t/unit/napi_test
TESTS += t/unit/napi_test
t_unit_napi_test_SOURCES = t/unit/napi_test.c memcached/run/napi.c
t_unit_napi_test_LDADD = $(CHECK_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += t/unit/handover_test
TESTS += t/unit/handover_test
t_unit_handover_test_SOURCES = t/unit/handover_test.c memcached/run/handover.c
t_unit_handover_test_LDADD = libbase.a $(CHECK_LIBS) $(PTHREAD_LIBS)
