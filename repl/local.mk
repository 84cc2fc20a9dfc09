noinst_LIBRARIES += librepl.a
librepl_a_SOURCES = \
	repl/dial.c repl/dial.h \
	repl/encode.c repl/encode.h \
	repl/stage.c repl/stage.h \
	repl/engine.c repl/engine.h repl/engine_private.h repl/engine_stats.def \
	repl/in.c \
	repl/keep.c repl/keep.h \
	repl/login.c repl/login.h \
	repl/lookup.c repl/lookup.h \
	repl/out.c \
	repl/state_file.c repl/state_file.h \
	repl/stats.c repl/stats.h repl/repl.def \
	repl/thread.c repl/repl.h \
	repl/trouble.c repl/trouble.h
