check_PROGRAMS += t/sim/sim
t_sim_sim_SOURCES = \
	t/sim/client.c t/sim/client.h \
	t/sim/fault.c \
	t/sim/host.c t/sim/host.h \
	t/sim/host_conn.c t/sim/host_conn.h \
	t/sim/model.c t/sim/model.h t/sim/model_private.h \
	t/sim/model_stream.c \
	t/sim/network.c t/sim/network.h \
	t/sim/profile.h \
	t/sim/sim.c \
	t/sim/world.c t/sim/world.h
t_sim_sim_LDADD = librepl.a librepl_core.a libserve.a libnet.a libproto.a libstore.a libbase.a \
	$(EVENT_LIBS) $(PTHREAD_LIBS)
TESTS += t/sim/sim
EXTRA_DIST += t/sim/README.md
