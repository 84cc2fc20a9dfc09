/* What the parts of the model share. */
#ifndef SIM_MODEL_PRIVATE_H
#define SIM_MODEL_PRIVATE_H

#include "repl/core/node.h"
#include "t/sim/model.h"

/* What a client once made of a key. */
struct state {
    uint64_t version;
    uint64_t born_us;
    uint64_t hash;       /* of the value */
    uint64_t expires_ms; /* in the world's time; 0: never */
    uint32_t bytes, client_flags;
    bool is_set; /* false: deleted */
};

struct key_states {
    struct state *state; /* in the order in which they came about */
    size_t count, capacity;
};

struct stream_start;

struct model {
    struct world *world;
    unsigned key_count;
    char name[MODEL_KEYS_MAX][MODEL_KEY_BYTES_MAX];
    struct key_states keys[MODEL_KEYS_MAX];
    struct stream_start *streams;
    struct node_view before; /* a start over: the node and its log as they were */
    uint64_t oldest_logged;  /* version of the log's first entry; UINT64_MAX: it was empty */
    struct model_counts counts;
};

/* What a store shows of a key. */
struct seen {
    bool is_present;
    struct state as; /* version alone when absent */
};

struct seen model_inspect(const struct model *model, struct host *host, unsigned key);

/* Has to be there. Of two states with one version (one from each host) both have to. */
bool model_is_alive(const struct model *model, const struct host *host, unsigned key,
                    uint64_t version);
/* Is it past its time, or close to it? Then nobody has to be told of it. */
bool model_is_over(const struct model *model, unsigned key, uint64_t version);

/* Nothing older may show from now on; `is_vague`: the key may be absent. */
void shadow_raise(struct shadow *shadow, unsigned key, uint64_t version, bool is_vague);

void model_streams_free(struct model *model);

#endif
