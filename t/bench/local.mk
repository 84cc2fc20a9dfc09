noinst_PROGRAMS += t/bench/mcload t/bench/mcreplay t/bench/canned
t_bench_mcload_SOURCES = \
	t/bench/conn.c t/bench/conn.h \
	t/bench/cpu.c t/bench/cpu.h \
	t/bench/fill.c t/bench/fill.h \
	t/bench/hist.c t/bench/hist.h \
	t/bench/keys.c t/bench/keys.h \
	t/bench/mcload.c \
	t/bench/options.c t/bench/options.def t/bench/options.h \
	t/bench/reply.c t/bench/reply.h \
	t/bench/report.c t/bench/report.h \
	t/bench/request.c t/bench/request.h \
	t/bench/target.c t/bench/target.h \
	t/bench/worker.c t/bench/worker.h \
	t/bench/zipf.c t/bench/zipf.h
t_bench_mcload_LDADD = libbase.a -lm $(PTHREAD_LIBS)
t_bench_mcreplay_SOURCES = \
	t/bench/keys.c t/bench/keys.h \
	t/bench/replay.c \
	t/bench/target.c t/bench/target.h \
	t/bench/trace.c t/bench/trace.h \
	t/bench/zipf.c t/bench/zipf.h
t_bench_mcreplay_LDADD = libbase.a -lm $(PTHREAD_LIBS)
t_bench_canned_SOURCES = t/bench/canned.c
t_bench_canned_LDADD = libbase.a $(PTHREAD_LIBS)
EXTRA_DIST += \
	t/bench/compare \
	t/bench/crowd \
	t/bench/hitratio \
	t/bench/memory \
	t/bench/stalls \
	t/bench/lib/Bench/Instructions.pm \
	t/bench/lib/Bench/Load.pm \
	t/bench/lib/Bench/Process.pm \
	t/bench/lib/Bench/Server.pm \
	t/bench/lib/Bench/Table.pm

# The table of doc/bench.md: this server against the memcached that REFERENCE names.
BENCH_FLAGS = --repl
bench: memcached/memcached$(EXEEXT) t/bench/mcload$(EXEEXT) t/bench/canned$(EXEEXT)
	$(PERL) $(srcdir)/t/bench/compare --ours memcached/memcached$(EXEEXT) \
	  --mcload t/bench/mcload$(EXEEXT) --canned t/bench/canned$(EXEEXT) $(BENCH_FLAGS)

# How many items fit into the same -m: up to 3 GB of memory, a minute or two.
bench-memory: memcached/memcached$(EXEEXT)
	$(PERL) $(srcdir)/t/bench/memory --ours memcached/memcached$(EXEEXT) $(BENCH_MEMORY_FLAGS)

# How often a cache of the same -m has what is asked for: some minutes.
bench-hitratio: memcached/memcached$(EXEEXT) t/bench/mcreplay$(EXEEXT)
	$(PERL) $(srcdir)/t/bench/hitratio --ours memcached/memcached$(EXEEXT) \
	  --mcreplay t/bench/mcreplay$(EXEEXT) $(BENCH_HITRATIO_FLAGS)

# How long clients wait while 5 million items are stored, moved, crawled and dumped: some minutes.
bench-stalls: memcached/memcached$(EXEEXT) t/bench/mcload$(EXEEXT)
	$(PERL) $(srcdir)/t/bench/stalls --ours memcached/memcached$(EXEEXT) \
	  --mcload t/bench/mcload$(EXEEXT) $(BENCH_STALLS_FLAGS)

# What thousands of clients cost, and those who never read: some minutes, up to 2 GB of kernel memory.
bench-crowd: memcached/memcached$(EXEEXT) t/bench/mcload$(EXEEXT)
	$(PERL) $(srcdir)/t/bench/crowd --ours memcached/memcached$(EXEEXT) \
	  --mcload t/bench/mcload$(EXEEXT) $(BENCH_CROWD_FLAGS)

.PHONY: bench-crowd bench bench-memory bench-hitratio bench-stalls
