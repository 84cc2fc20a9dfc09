/* What kind of run a seed is: sizes, speeds, and which faults happen how often. */
#ifndef SIM_PROFILE_H
#define SIM_PROFILE_H

#include "t/sim/world.h"

/* SIM_FAULT(name, what happens): each has a weight in a profile. */
#define SIM_FAULTS                                                                                 \
    SIM_FAULT(kill, "a process is killed, clients move, it comes back")                            \
    SIM_FAULT(machine, "a machine dies, clients move, it comes back")                              \
    SIM_FAULT(both, "both processes are killed and start at once")                                 \
    SIM_FAULT(freeze, "a process is stopped and goes on")                                          \
    SIM_FAULT(cut, "the network between the hosts is cut both ways")                               \
    SIM_FAULT(cut_one_way, "the network between the hosts is cut one way")                         \
    SIM_FAULT(reset, "connections between the hosts are reset")                                    \
    SIM_FAULT(slow, "the network becomes slow or fast")                                            \
    SIM_FAULT(move, "clients move to the other host, which is promoted")                           \
    SIM_FAULT(split, "cut, and clients on both sides")                                             \
    SIM_FAULT(role, "promotion or demotion out of the blue")                                       \
    SIM_FAULT(clock, "a wall clock is set")                                                        \
    SIM_FAULT(pages, "on both hosts slab pages change class, one after the other")

struct profile {
    const char *name;
    unsigned key_count, client_count;
    uint64_t think_us;        /* between two operations of a client, on average */
    uint64_t busy_us;         /* how long clients and faults go on */
    uint64_t value_bytes_max; /* of one value in big_one_in; the others are small */
    unsigned big_one_in;
    uint64_t log_bytes;
    uint64_t limit_bytes;
    uint32_t tombstones;
    size_t capacity; /* of a direction of a connection */
    uint64_t skew_ms_max;
    uint64_t fault_us;     /* between two faults, on average */
    unsigned flush_one_in; /* of a client's operations; 0: never */
    bool is_evicting;      /* values too large for the memory */
#define SIM_FAULT(name, what) unsigned name##_weight;
    SIM_FAULTS
#undef SIM_FAULT
};

/* Draws one. */
void profile_draw(struct world *world, struct profile *profile);
/* Starts the faults of the world's profile. */
void faults_start(struct world *world);
/* Ends them all: heals, thaws, restarts, sends clients home. */
void faults_end(struct world *world);

#endif
