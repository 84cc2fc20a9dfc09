check_PROGRAMS += t/unit/dirty_log_test t/unit/node_test
TESTS += t/unit/dirty_log_test t/unit/node_test
t_unit_dirty_log_test_SOURCES = t/unit/dirty_log_test.c
t_unit_dirty_log_test_LDADD = librepl_core.a libbase.a $(CHECK_LIBS) -lpthread
t_unit_node_test_SOURCES = t/unit/node_test.c
t_unit_node_test_LDADD = librepl_core.a libbase.a $(CHECK_LIBS) -lpthread
