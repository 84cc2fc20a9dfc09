#include "t/sim/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memcached/base/check.h"
#include "memcached/base/mem.h"
#include "t/sim/host.h"
#include "t/sim/profile.h"

enum {
    REQUEST_BYTES_MAX = 64 * 1024,
    ANSWER_US = 400000, /* a client gives up after this */
    RETRY_US_MAX = 30000,
    NUMBERS_ONE_IN = 6, /* of keys: they hold numbers */
};

static void next_soon(struct client *client, uint64_t delay_us);

bool op_is_write(const struct op *op) {
    return op->kind != OP_GET;
}

const char *op_name(const struct op *op) {
    static const char *const name[] = {"gets",   "gats",    "set",      "add",  "replace",
                                       "append", "prepend", "cas",      "incr", "decr",
                                       "delete", "touch",   "flush_all"};
    return name[op->kind];
}

static bool is_number_key(unsigned key) {
    return key % NUMBERS_ONE_IN == 0;
}

/* ---- making a request ---- */

static enum op_kind draw_kind(struct client *client, unsigned key) {
    static const enum op_kind text[] = {
        OP_GET, OP_GET,     OP_GET, OP_GET,    OP_GAT,     OP_SET,    OP_SET,    OP_SET,  OP_SET,
        OP_ADD, OP_REPLACE, OP_CAS, OP_APPEND, OP_PREPEND, OP_DELETE, OP_DELETE, OP_TOUCH};
    static const enum op_kind number[] = {OP_GET,  OP_GET,  OP_SET,    OP_INCR, OP_INCR,
                                          OP_INCR, OP_DECR, OP_DELETE, OP_ADD};
    struct world *world = client->world;
    unsigned flush_one_in = world->profile->flush_one_in;
    if (flush_one_in > 0 && world_one_in(world, flush_one_in))
        return OP_FLUSH;
    return is_number_key(key) ? number[world_below(world, sizeof(number) / sizeof(number[0]))]
                              : text[world_below(world, sizeof(text) / sizeof(text[0]))];
}

static unsigned draw_exptime(struct world *world) {
    switch (world_below(world, 4)) {
    case 0:
        return (unsigned)world_between(world, 1, 8);
    case 1:
        return (unsigned)world_between(world, 20, 200);
    default:
        return 0;
    }
}

/* A value that no other operation stores. */
static size_t put_value(struct world *world, const struct op *op, char *out) {
    if (is_number_key(op->key))
        return (size_t)sprintf(out, "%" PRIu64, op->number * 1000);
    size_t bytes = (size_t)sprintf(out, "v%" PRIu64 ".", op->number);
    size_t wanted = world_one_in(world, world->profile->big_one_in)
                        ? world->profile->value_bytes_max
                        : 8 + world_below(world, 60);
    for (; bytes < wanted; bytes++)
        out[bytes] = (char)('a' + bytes % 26);
    return bytes;
}

static size_t put_storage(struct client *client, struct op *op, char *out) {
    struct world *world = client->world;
    char *value = mem_alloc(REQUEST_BYTES_MAX);
    CHECK(value);
    size_t value_bytes = put_value(world, op, value);
    /* What is appended stays small: many of them make one value. */
    if ((op->kind == OP_APPEND || op->kind == OP_PREPEND) && value_bytes > 12)
        value_bytes = 12;
    char unique[32] = "";
    if (op->kind == OP_CAS)
        snprintf(unique, sizeof(unique), " %" PRIu64, client->cas);
    size_t bytes = (size_t)sprintf(
        out, "%s %s %u %u %zu%s\r\n", op_name(op), model_key(world->model, op->key, NULL),
        (unsigned)(op->number & 0xffff), draw_exptime(world), value_bytes, unique);
    memcpy(out + bytes, value, value_bytes);
    memcpy(out + bytes + value_bytes, "\r\n", 2);
    mem_free(value);
    return bytes + value_bytes + 2;
}

static size_t put_request(struct client *client, struct op *op, char *out) {
    struct world *world = client->world;
    const char *key = model_key(world->model, op->key, NULL);
    switch (op->kind) {
    case OP_GET:
        return (size_t)sprintf(out, "gets %s\r\n", key);
    case OP_GAT:
        return (size_t)sprintf(out, "gats %u %s\r\n", draw_exptime(world), key);
    case OP_INCR:
    case OP_DECR:
        return (size_t)sprintf(out, "%s %s %u\r\n", op_name(op), key,
                               (unsigned)world_between(world, 1, 3));
    case OP_DELETE:
        return (size_t)sprintf(out, "delete %s\r\n", key);
    case OP_TOUCH:
        return (size_t)sprintf(out, "touch %s %u\r\n", key, draw_exptime(world));
    case OP_FLUSH:
        op->delay_s = world_one_in(world, 2) ? (uint32_t)world_between(world, 1, 4) : 0;
        return op->delay_s ? (size_t)sprintf(out, "flush_all %u\r\n", op->delay_s)
                           : (size_t)sprintf(out, "flush_all\r\n");
    default:
        return put_storage(client, op, out);
    }
}

static struct op *draw_op(struct client *client) {
    struct world *world = client->world;
    struct op *op = mem_zalloc(sizeof(*op));
    static const unsigned hot = 12; /* keys that get most of the attention */
    unsigned count = model_key_count(world->model);
    CHECK(op);
    op->next = client->ops;
    client->ops = op;
    op->key = (unsigned)world_below(world, world_one_in(world, 3) || count < hot ? count : hot);
    op->kind = draw_kind(client, op->key);
    if (op->kind == OP_CAS) {
        if (client->cas == 0)
            op->kind = OP_GET;
        else
            op->key = client->cas_key;
    }
    op->number = ++world->next_op;
    return op;
}

/* ---- asking and being answered ---- */

static void hang_up(struct client *client) {
    if (client->end)
        net_close(client->end);
    client->end = NULL;
    client->is_connected = false;
    client->op = NULL;
    client->reply_bytes = 0;
}

static void give_up(struct world *world, void *object, uint64_t number) {
    struct client *client = object;
    (void)number;
    if (client->deadline_us != world->now_us || !client->end)
        return;
    TRACE(world, "client %u: no answer", client->index);
    hang_up(client);
    next_soon(client, 1 + world_below(world, RETRY_US_MAX));
}

static void expect(struct client *client) {
    client->deadline_us = client->world->now_us + ANSWER_US;
    world_after(client->world, ANSWER_US, give_up, client, client->index);
}

static void ask(struct client *client) {
    struct world *world = client->world;
    struct host *host = world->host[client->end->conn->end[1].place];
    static char request[REQUEST_BYTES_MAX + 512];
    struct op *op = draw_op(client);
    client->op = op;
    op->host = host->index;
    op->life = host->life;
    op->epoch = host->shadow.epoch;
    op->floor = model_floor(host, op->key);
    struct iovec vec = {request, put_request(client, op, request)};
    client->end->conn->memo = op;
    ssize_t sent = net_send(client->end, &vec, 1);
    if (sent != (ssize_t)vec.iov_len) {
        hang_up(client);
        next_soon(client, 1 + world_below(world, RETRY_US_MAX));
        return;
    }
    expect(client);
}

/* VALUE <key> <flags> <bytes> <cas>\r\n<value>\r\nEND\r\n */
static bool take_value(struct client *client) {
    unsigned long long bytes, version;
    char *end = strstr(client->reply, "\r\n");
    if (sscanf(client->reply, "VALUE %*s %*u %llu %llu", &bytes, &version) != 2) {
        world_fail(client->world, "an answer that is none: %.60s", client->reply);
        return true;
    }
    size_t needed = (size_t)(end + 2 - client->reply) + bytes + 2 + 5;
    if (client->reply_bytes < needed)
        return false;
    if (client->reply_bytes != needed || memcmp(client->reply + needed - 7, "\r\nEND\r\n", 7) != 0)
        world_fail(client->world, "a value without an end");
    client->cas = version;
    client->cas_key = client->op->key;
    model_read(client->world->model, client->world->host[client->op->host], client->op, end + 2,
               bytes, version);
    return true;
}

/* True when the whole answer is there. */
static bool take_answer(struct client *client) {
    client->reply[client->reply_bytes] = '\0';
    if (!strstr(client->reply, "\r\n"))
        return false;
    if (strncmp(client->reply, "VALUE ", 6) == 0)
        return take_value(client);
    if (strncmp(client->reply, "ERROR", 5) == 0 ||
        strncmp(client->reply, "CLIENT_ERROR b", 14) == 0)
        world_fail(client->world, "%s is answered %.60s", op_name(client->op), client->reply);
    return true;
}

static void client_received(struct net_end *end, const char *data, size_t bytes) {
    struct client *client = end->owner;
    if (!client->op)
        return;
    CHECK(client->reply_bytes + bytes < CLIENT_REPLY_BYTES_MAX);
    memcpy(client->reply + client->reply_bytes, data, bytes);
    client->reply_bytes += bytes;
    if (!take_answer(client))
        return;
    client->op = NULL;
    client->reply_bytes = 0;
    client->deadline_us = 0;
    next_soon(client, world_below(client->world, 2 * client->world->profile->think_us));
}

static void client_closed(struct net_end *end) {
    struct client *client = end->owner;
    if (client->end != end)
        return;
    hang_up(client);
    next_soon(client, 1 + world_below(client->world, RETRY_US_MAX));
}

static void client_connected(struct net_end *end) {
    struct client *client = end->owner;
    if (client->end != end)
        return;
    client->is_connected = true;
    client->deadline_us = 0;
    next_soon(client, 1);
}

static const struct net_events client_events = {client_connected, client_received, NULL,
                                                client_closed};

static void next(struct world *world, void *object, uint64_t number) {
    struct client *client = object;
    (void)number;
    if (world->is_quiet) {
        if (!client->op)
            hang_up(client);
        return;
    }
    if (client->op)
        return;
    if (client->end && client->end->conn->end[1].place != client->target)
        hang_up(client);
    if (!client->end) {
        client->end = net_connect(world->net, HOST_CLIENTS, client->target, &client_events, client);
        expect(client);
    } else if (client->is_connected) {
        ask(client);
    }
}

static void next_soon(struct client *client, uint64_t delay_us) {
    world_after(client->world, delay_us, next, client, client->index);
}

void client_start(struct client *client) {
    next_soon(client, 1 + world_below(client->world, RETRY_US_MAX));
}

void client_move(struct client *client, unsigned target) {
    if (client->target == target)
        return;
    client->target = target;
    /* Some notice at once, the others when their answer is there or does not come. */
    if (client->op && world_one_in(client->world, 2))
        hang_up(client);
    next_soon(client, 1 + world_below(client->world, RETRY_US_MAX));
}

struct client *clients_create(struct world *world, unsigned count) {
    struct client *clients = mem_zalloc(count * sizeof(*clients));
    CHECK(clients && count <= CLIENTS_MAX);
    for (unsigned i = 0; i < count; i++) {
        clients[i].world = world;
        clients[i].index = i;
        clients[i].reply = mem_alloc(CLIENT_REPLY_BYTES_MAX);
        CHECK(clients[i].reply);
    }
    return clients;
}

void clients_destroy(struct world *world) {
    for (unsigned i = 0; i < world->client_count; i++) {
        struct client *client = &world->client[i];
        while (client->ops) {
            struct op *following = client->ops->next;
            mem_free(client->ops);
            client->ops = following;
        }
        mem_free(client->reply);
    }
    mem_free(world->client);
}
