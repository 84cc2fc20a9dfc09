noinst_LIBRARIES += librepl_core.a
librepl_core_a_SOURCES = \
	repl/core/dirty_log.c repl/core/dirty_log.h \
	repl/core/node.c repl/core/node.h repl/core/node_private.h \
	repl/core/node_out.c \
	repl/core/node_text.c repl/core/node_text.h \
	repl/core/order.h
