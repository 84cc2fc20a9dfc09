# The manual page is generated and kept in the tree: `make man` after a change of settings.def or of
# the frame, and `make check` finds one that was forgotten.
noinst_PROGRAMS += doc/manpage
doc_manpage_SOURCES = doc/manpage.c
doc_manpage_LDADD = libserve.a libnet.a libproto.a libstore.a libbase.a $(EVENT_LIBS) $(PTHREAD_LIBS)

dist_man_MANS += doc/memcached.1
EXTRA_DIST += doc/memcached.1.in
check_SCRIPTS += doc/manpage_test.sh
TESTS += doc/manpage_test.sh
EXTRA_DIST += doc/manpage_test.sh

man: doc/manpage$(EXEEXT)
	./doc/manpage$(EXEEXT) '$(srcdir)/doc/memcached.1.in' >doc/memcached.1.new
	mv doc/memcached.1.new '$(srcdir)/doc/memcached.1'

.PHONY: man
