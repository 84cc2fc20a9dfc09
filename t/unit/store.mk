store_unit_tests = \
	t/unit/store_test \
	t/unit/store_automove_test \
	t/unit/store_crawler_test \
	t/unit/store_first_pages_test \
	t/unit/store_index_test \
	t/unit/store_large_test \
	t/unit/store_lru_test \
	t/unit/store_memory_test \
	t/unit/store_mover_test \
	t/unit/store_pair_test \
	t/unit/store_pair_apply_test \
	t/unit/store_recache_test \
	t/unit/store_model_test \
	t/unit/store_order_test \
	t/unit/store_threads_test \
	t/unit/store_threads_pages_test \
	t/unit/store_walk_test \
	t/unit/store_watch_test
check_PROGRAMS += $(store_unit_tests)
TESTS += $(store_unit_tests)

store_unit_fixture = t/unit/store_fixture.c t/unit/store_fixture.h
store_unit_pair = t/unit/store_pair.c t/unit/store_pair.h $(store_unit_fixture)
store_unit_threads = t/unit/store_threads.c t/unit/store_threads.h $(store_unit_fixture)
store_unit_libs = libstore.a libbase.a $(CHECK_LIBS) $(PTHREAD_LIBS)

t_unit_store_test_SOURCES = t/unit/store_test.c $(store_unit_fixture)
t_unit_store_test_LDADD = $(store_unit_libs)
t_unit_store_automove_test_SOURCES = t/unit/store_automove_test.c $(store_unit_fixture)
t_unit_store_automove_test_LDADD = $(store_unit_libs)
t_unit_store_crawler_test_SOURCES = t/unit/store_crawler_test.c $(store_unit_fixture)
t_unit_store_crawler_test_LDADD = $(store_unit_libs)
t_unit_store_first_pages_test_SOURCES = t/unit/store_first_pages_test.c $(store_unit_fixture)
t_unit_store_first_pages_test_LDADD = $(store_unit_libs)
t_unit_store_index_test_SOURCES = t/unit/store_index_test.c
t_unit_store_index_test_LDADD = $(store_unit_libs)
t_unit_store_large_test_SOURCES = t/unit/store_large_test.c $(store_unit_fixture)
t_unit_store_large_test_LDADD = $(store_unit_libs)
t_unit_store_lru_test_SOURCES = t/unit/store_lru_test.c $(store_unit_fixture)
t_unit_store_lru_test_LDADD = $(store_unit_libs)
t_unit_store_memory_test_SOURCES = t/unit/store_memory_test.c $(store_unit_fixture)
t_unit_store_memory_test_LDADD = $(store_unit_libs)
t_unit_store_mover_test_SOURCES = t/unit/store_mover_test.c $(store_unit_fixture)
t_unit_store_mover_test_LDADD = $(store_unit_libs)
t_unit_store_pair_test_SOURCES = t/unit/store_pair_test.c $(store_unit_pair)
t_unit_store_pair_test_LDADD = $(store_unit_libs)
t_unit_store_pair_apply_test_SOURCES = t/unit/store_pair_apply_test.c $(store_unit_pair)
t_unit_store_pair_apply_test_LDADD = $(store_unit_libs)
t_unit_store_recache_test_SOURCES = t/unit/store_recache_test.c $(store_unit_fixture)
t_unit_store_recache_test_LDADD = $(store_unit_libs)
t_unit_store_model_test_SOURCES = t/unit/store_model_test.c $(store_unit_fixture)
t_unit_store_model_test_LDADD = $(store_unit_libs)
t_unit_store_order_test_SOURCES = t/unit/store_order_test.c $(store_unit_fixture)
t_unit_store_order_test_LDADD = $(store_unit_libs)
t_unit_store_threads_test_SOURCES = t/unit/store_threads_test.c $(store_unit_threads)
t_unit_store_threads_test_LDADD = $(store_unit_libs)
t_unit_store_threads_pages_test_SOURCES = t/unit/store_threads_pages_test.c $(store_unit_threads)
t_unit_store_threads_pages_test_LDADD = $(store_unit_libs)
t_unit_store_walk_test_SOURCES = t/unit/store_walk_test.c $(store_unit_fixture)
t_unit_store_walk_test_LDADD = $(store_unit_libs)
t_unit_store_watch_test_SOURCES = t/unit/store_watch_test.c $(store_unit_fixture)
t_unit_store_watch_test_LDADD = $(store_unit_libs)
