check_PROGRAMS += t/unit/conn_test t/unit/event_test t/unit/prefixes_test t/unit/run_test t/unit/watch_test
TESTS += t/unit/conn_test t/unit/event_test t/unit/prefixes_test t/unit/run_test t/unit/watch_test
t_unit_event_test_SOURCES = t/unit/event_test.c
t_unit_event_test_LDADD = libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
t_unit_prefixes_test_SOURCES = t/unit/prefixes_test.c
t_unit_prefixes_test_LDADD = libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
t_unit_watch_test_SOURCES = t/unit/watch_test.c
t_unit_watch_test_LDADD = librun.a libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
t_unit_run_test_SOURCES = t/unit/run_test.c
t_unit_run_test_LDADD = librun.a libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
t_unit_conn_test_SOURCES = t/unit/conn_test.c $(session_unit_host)
t_unit_conn_test_LDADD = librun.a libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(CHECK_LIBS) $(EVENT_LIBS) $(PTHREAD_LIBS)
