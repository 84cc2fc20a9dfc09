# The soak runs when it is asked for: a server under all that clients do, for minutes.
EXTRA_DIST += \
	t/soak/run \
	t/soak/lib/Soak/Client.pm \
	t/soak/lib/Soak/Operator.pm \
	t/soak/lib/Soak/Process.pm \
	t/soak/lib/Soak/Rude.pm \
	t/soak/lib/Soak/Talk.pm

SOAK_FLAGS = --seconds 180
soak: memcached/memcached$(EXEEXT)
	MEMCACHED=memcached/memcached$(EXEEXT) $(PERL) $(srcdir)/t/soak/run $(SOAK_FLAGS)

.PHONY: soak
