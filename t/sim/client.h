/*
 * Simulated clients: each asks one thing at a time, of whichever host it takes for the address's
 * owner.
 */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "t/sim/model.h"
#include "t/sim/network.h"

enum { CLIENTS_MAX = 8, CLIENT_REPLY_BYTES_MAX = 96 * 1024 };

enum op_kind {
    OP_GET,
    OP_GAT,
    OP_SET,
    OP_ADD,
    OP_REPLACE,
    OP_APPEND,
    OP_PREPEND,
    OP_CAS,
    OP_INCR,
    OP_DECR,
    OP_DELETE,
    OP_TOUCH,
    OP_FLUSH,
};

struct op {
    struct op *next; /* all of this client's, newest first */
    enum op_kind kind;
    unsigned key;
    uint64_t number;       /* of all operations */
    uint32_t delay_s;      /* of a flush */
    unsigned host, life;   /* whom it was sent to */
    uint64_t floor, epoch; /* the model's, then */
};

struct client {
    struct world *world;
    unsigned index;
    unsigned target;     /* the host it takes for the owner */
    struct net_end *end; /* NULL: not connected */
    bool is_connected;
    struct op *op; /* waiting for its answer, or to be sent; NULL: idle */
    struct op *ops;
    uint64_t deadline_us; /* of what it waits for */
    uint64_t cas;         /* of the last value read, and its key */
    unsigned cas_key;
    char *reply;
    size_t reply_bytes;
};

bool op_is_write(const struct op *op);
const char *op_name(const struct op *op);

struct client *clients_create(struct world *world, unsigned count);
void clients_destroy(struct world *world);
void client_start(struct client *client);
/* From now on it asks this host; what it waits for is forgotten when it notices. */
void client_move(struct client *client, unsigned target);

#endif
