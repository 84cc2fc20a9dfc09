# The tests of a pair under keepalived run by t/pair/run (root is needed). Nothing is compiled.
EXTRA_DIST += \
	t/pair/run \
	t/pair/load \
	t/pair/ClientLoad.pm \
	t/pair/Pair.pm \
	t/pair/00-samples.t \
	t/pair/10-kill.t \
	t/pair/15-fast-restart.t \
	t/pair/20-freeze.t \
	t/pair/30-replication-cut.t \
	t/pair/40-node-cut.t \
	t/pair/50-return.t \
	t/pair/60-clients.t
