repl_unit_tests = t/unit/dirty_log_test t/unit/node_test t/unit/stage_test t/unit/engine_test \
	t/unit/trouble_test
check_PROGRAMS += $(repl_unit_tests)
TESTS += $(repl_unit_tests)
t_unit_dirty_log_test_SOURCES = t/unit/dirty_log_test.c
t_unit_dirty_log_test_LDADD = librepl_core.a libbase.a $(CHECK_LIBS) -lpthread
t_unit_node_test_SOURCES = t/unit/node_test.c
t_unit_node_test_LDADD = librepl_core.a libbase.a $(CHECK_LIBS) -lpthread
t_unit_stage_test_SOURCES = t/unit/stage_test.c $(store_unit_fixture)
t_unit_stage_test_LDADD = librepl.a librepl_core.a libproto.a libstore.a libbase.a $(CHECK_LIBS) \
	$(PTHREAD_LIBS)
t_unit_engine_test_SOURCES = t/unit/engine_test.c $(session_unit_host) $(store_unit_fixture)
t_unit_engine_test_LDADD = librepl.a librepl_core.a $(session_unit_libs)
t_unit_trouble_test_SOURCES = t/unit/trouble_test.c
t_unit_trouble_test_LDADD = librepl.a $(CHECK_LIBS) -lpthread
