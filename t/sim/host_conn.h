/* The workers of a simulated process and the connections that they serve. */
#ifndef SIM_HOST_CONN_H
#define SIM_HOST_CONN_H

#include "t/sim/host.h"

/* The numeric address of a place. */
const char *host_conn_address(unsigned place);
/* The engine's hooks, with the model listening. */
void host_conn_hooks(struct host *host, struct serve_repl_hooks *hooks);
/* Ends all: the process does. */
void host_conns_end(struct host *host);
/* Workers whose turn came while the process was frozen have it now. */
void host_conns_thaw(struct host *host);

#endif
