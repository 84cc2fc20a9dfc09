# What runs the suites: included by all programs of this folder.
noinst_HEADERS = t/unit/suite.h

check_PROGRAMS += t/unit/base_test
TESTS += t/unit/base_test
t_unit_base_test_SOURCES = t/unit/base_test.c
t_unit_base_test_LDADD = libbase.a $(CHECK_LIBS) $(PTHREAD_LIBS)
