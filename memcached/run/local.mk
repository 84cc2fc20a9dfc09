noinst_LIBRARIES += librun.a
librun_a_SOURCES = \
	memcached/run/background.c memcached/run/background.h \
	memcached/run/conn.c memcached/run/conn.h \
	memcached/run/conn_open.c memcached/run/conn_private.h \
	memcached/run/conn_list.c memcached/run/conn_list.h \
	memcached/run/freeze.c memcached/run/freeze.h \
	memcached/run/handover.c memcached/run/handover.h \
	memcached/run/listener.c memcached/run/listener.h \
	memcached/run/address.c memcached/run/address.h \
	memcached/run/log.c memcached/run/log.h \
	memcached/run/napi.c memcached/run/napi.h \
	memcached/run/process.c memcached/run/process.h \
	memcached/run/runner.c memcached/run/runner.h \
	memcached/run/stalls.c memcached/run/stalls.h memcached/run/stalls.def \
	memcached/run/trace.c memcached/run/trace.h \
	memcached/run/udp.c memcached/run/udp.h \
	memcached/run/watch.c memcached/run/watch.h \
	memcached/run/worker.c memcached/run/worker.h

bin_PROGRAMS += memcached/memcached
memcached_memcached_SOURCES = memcached/run/main.c
memcached_memcached_LDADD = librepl.a librepl_core.a librun.a libserve.a libnet.a libproto.a \
	libstore.a libbase.a $(EVENT_LIBS) $(PTHREAD_LIBS)
