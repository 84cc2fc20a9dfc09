#include "repl/core/node.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "memcached/base/mem.h"
#include "repl/core/node_text.h"
#include "repl/core/order.h"
#include "t/unit/suite.h"

/*
 * Two nodes and the texts between them, by hand: what one sends is read by the other at once. The
 * traces say which actions came out.
 */
struct half {
    struct node *node;
    struct rng rng;
    char trace[2048];
    uint64_t link;   /* number of its outgoing link at the other side */
    bool is_drained; /* what its log would say */
    bool does_start_over;
    bool is_walking; /* a full sync that it gives does not end */
};

static struct half a, b;
static uint64_t now_ms;
static uint64_t next_link;

enum { JOIN_MS = 3000, HEARTBEAT_MS = 500, TIMEOUT_MS = 3000 };

static void half_start(struct half *half, uint64_t id) {
    memset(half, 0, sizeof(*half));
    rng_seed(&half->rng, id);
    struct node_config config = {id, JOIN_MS, HEARTBEAT_MS, TIMEOUT_MS, 50, 1000, &half->rng};
    half->node = node_create(&config, now_ms);
    half->is_drained = true;
    ck_assert_ptr_nonnull(half->node);
}

static void setup(void) {
    now_ms = 1000;
    next_link = 0;
    half_start(&a, 0xa);
    half_start(&b, 0xb);
}

static void teardown(void) {
    node_destroy(a.node);
    node_destroy(b.node);
}

static void note(struct half *half, const char *what) {
    size_t used = strlen(half->trace);
    snprintf(half->trace + used, sizeof(half->trace) - used, "%s ", what);
}

/* Carries `text` from `from` to `to`, and the answer back. */
static void deliver(struct half *from, struct half *to, char *text) {
    text[strcspn(text, "\r")] = '\0';
    ck_assert(strncmp(text, "repl ", 5) == 0);
    if (strncmp(text + 5, "hello ", 6) == 0) {
        struct node_greeting greeting;
        from->link = ++next_link;
        node_in_hello(to->node, now_ms, now_ms << 20, from->link, to->is_drained, text + 11,
                      &greeting);
        greeting.text[strcspn(greeting.text, "\r")] = '\0';
        note(from, strrchr(greeting.text, ' ') + 1);
        node_out_line(from->node, now_ms, now_ms << 20, greeting.text);
        return;
    }
    enum node_line said = node_in_line(to->node, now_ms, now_ms << 20, from->link, text + 5);
    if (said == NODE_LINE_START_OVER) {
        note(to, "start_over");
        to->does_start_over = true;
    }
    if (said == NODE_LINE_BAD) {
        note(to, "cut");
        node_in_closed(to->node, now_ms, from->link);
        node_out_closed(from->node, now_ms);
    }
}

/* Carries out what a node wants; `other` NULL: nobody answers. */
static void run(struct half *half, struct half *other) {
    struct node_action action;
    while (node_next_action(half->node, &action)) {
        switch (action.kind) {
        case NODE_DIAL:
            note(half, "dial");
            if (other)
                node_out_connected(half->node, now_ms, now_ms << 20);
            else
                node_out_closed(half->node, now_ms);
            break;
        case NODE_CLOSE_OUT:
            note(half, "close");
            if (other)
                node_in_closed(other->node, now_ms, half->link);
            break;
        case NODE_CLOSE_IN:
            note(half, "close_in");
            break;
        case NODE_SEND:
            if (other)
                deliver(half, other, action.text);
            break;
        case NODE_BARRIER:
            if (other) {
                node_in_heard(other->node, now_ms, half->link);
                node_out_acked(half->node, now_ms);
            }
            break;
        case NODE_BEGIN_LIVE:
            note(half, "live");
            node_out_through(half->node, now_ms);
            break;
        case NODE_BEGIN_FULL:
            note(half, "everything");
            if (!half->is_walking)
                node_out_through(half->node, now_ms);
            break;
        case NODE_CHANGED:
            break;
        }
    }
}

static void pass(uint64_t ms, bool is_connected) {
    for (uint64_t end = now_ms + ms; now_ms < end; now_ms += 10) {
        node_tick(a.node, now_ms, now_ms << 20, false);
        run(&a, is_connected ? &b : NULL);
        node_tick(b.node, now_ms, now_ms << 20, false);
        run(&b, is_connected ? &a : NULL);
    }
}

static struct node_view view_of(struct half *half) {
    struct node_view view;
    node_view(half->node, &view);
    return view;
}

static void expect(struct half *half, enum node_role role, enum node_state state) {
    struct node_view view = view_of(half);
    ck_assert_str_eq(node_role_name(view.self.role), node_role_name(role));
    ck_assert_str_eq(node_state_name(view.self.state), node_state_name(state));
}

static void restart(struct half *half, uint64_t id) {
    node_destroy(half->node);
    half_start(half, id);
    struct half *other = half == &a ? &b : &a;
    node_out_closed(other->node, now_ms);
    node_in_closed(other->node, now_ms, view_of(other).in_link);
}

START_TEST(two_fresh_nodes_agree_without_a_full_sync) {
    pass(500, true);
    expect(&a, NODE_MASTER, NODE_READY);
    expect(&b, NODE_SLAVE, NODE_READY);
    ck_assert_uint_eq(view_of(&a).full_syncs_out + view_of(&b).full_syncs_out, 0);
}
END_TEST

START_TEST(a_node_alone_becomes_master_after_the_join_time_and_not_before) {
    pass(JOIN_MS - 100, false);
    expect(&a, NODE_SLAVE, NODE_JOINING);
    pass(300, false);
    expect(&a, NODE_MASTER, NODE_READY);
}
END_TEST

START_TEST(a_restarted_master_is_filled_by_its_slave_and_never_wipes_it) {
    pass(500, true);
    restart(&a, 0x1);
    node_promote(a.node, now_ms, now_ms << 20);
    pass(1000, true);
    ck_assert(a.does_start_over);
    ck_assert(!b.does_start_over);
    expect(&a, NODE_MASTER, NODE_READY);
    expect(&b, NODE_SLAVE, NODE_READY);
    ck_assert_uint_eq(view_of(&b).full_syncs_out, 1);
}
END_TEST

START_TEST(a_restarted_master_that_was_alone_for_the_join_time_does_not_wipe_its_slave_either) {
    pass(500, true);
    restart(&a, 0x1);
    node_promote(b.node, now_ms, now_ms << 20);
    pass(JOIN_MS + 500, false);
    expect(&a, NODE_MASTER, NODE_READY);
    pass(2000, true);
    ck_assert(a.does_start_over);
    ck_assert(!b.does_start_over);
}
END_TEST

START_TEST(a_short_break_is_resumed_from_the_logs) {
    pass(500, true);
    node_out_closed(a.node, now_ms);
    node_in_closed(b.node, now_ms, view_of(&b).in_link);
    pass(1000, true);
    ck_assert(!a.does_start_over && !b.does_start_over);
    ck_assert_uint_ge(view_of(&a).partial_resyncs_out, 2);
    ck_assert_uint_eq(view_of(&a).reconnects, 1);
}
END_TEST

START_TEST(an_overflow_makes_the_other_side_start_over) {
    pass(500, true);
    node_log_overflowed(a.node, now_ms);
    pass(1000, true);
    ck_assert(b.does_start_over);
    ck_assert(!a.does_start_over);
    expect(&b, NODE_SLAVE, NODE_READY);
}
END_TEST

START_TEST(an_overflow_in_the_middle_of_a_full_sync_makes_it_begin_again) {
    pass(500, true);
    node_log_overflowed(a.node, now_ms);
    a.is_walking = true;
    pass(1000, true);
    ck_assert_int_eq(view_of(&a).out, OUT_FULL);
    expect(&b, NODE_SLAVE, NODE_SYNCING);
    b.does_start_over = false;
    node_log_overflowed(b.node, now_ms); /* clients wrote to it */
    pass(1000, true);
    ck_assert(b.does_start_over);
    a.is_walking = false;
    node_out_through(a.node, now_ms);
    pass(1000, true);
    expect(&b, NODE_SLAVE, NODE_READY);
    ck_assert_int_eq(view_of(&a).out, OUT_STREAMING);
    ck_assert_uint_eq(view_of(&a).full_syncs_out, 1);
}
END_TEST

START_TEST(a_loser_hands_over_its_log_before_it_starts_over) {
    pass(500, true);
    node_log_overflowed(a.node, now_ms);
    b.is_drained = false;
    pass(500, true);
    ck_assert(!b.does_start_over);
    ck_assert_ptr_nonnull(strstr(a.trace, "wait"));
    b.is_drained = true;
    pass(500, true);
    ck_assert(b.does_start_over);
}
END_TEST

START_TEST(waiting_for_a_log_that_never_drains_ends) {
    pass(500, true);
    node_log_overflowed(a.node, now_ms);
    b.is_drained = false;
    pass(TIMEOUT_MS + 1000, true);
    ck_assert(b.does_start_over);
}
END_TEST

START_TEST(a_client_write_on_the_slave_is_a_take_over) {
    pass(500, true);
    node_client_write(b.node, now_ms, now_ms << 20);
    pass(100, true);
    expect(&b, NODE_MASTER, NODE_READY);
    expect(&a, NODE_SLAVE, NODE_READY);
}
END_TEST

START_TEST(a_master_that_is_demoted_hands_its_role_to_its_slave) {
    pass(500, true);
    node_demote(a.node, now_ms);
    pass(100, true);
    expect(&a, NODE_SLAVE, NODE_READY);
    expect(&b, NODE_MASTER, NODE_READY);
}
END_TEST

START_TEST(of_two_masters_the_later_promotion_stays) {
    pass(500, true);
    pass(TIMEOUT_MS * 2, false);
    node_promote(b.node, now_ms, now_ms << 20);
    expect(&a, NODE_MASTER, NODE_READY);
    pass(2000, true);
    expect(&b, NODE_MASTER, NODE_READY);
    expect(&a, NODE_SLAVE, NODE_READY);
}
END_TEST

START_TEST(a_peer_that_is_ourselves_is_refused) {
    char text[NODE_TEXT_BYTES_MAX];
    struct node_info self = view_of(&a).self;
    struct node_greeting greeting;
    node_text_put(text, &self);
    node_in_hello(a.node, now_ms, 1, 7, true, text, &greeting);
    ck_assert(!greeting.is_accepted);
    ck_assert_ptr_nonnull(strstr(greeting.text, " refused\r\n"));
    ck_assert_uint_eq(view_of(&a).in_link, 0);
}
END_TEST

START_TEST(a_silent_link_is_closed_after_the_timeout) {
    pass(500, true);
    for (uint64_t end = now_ms + TIMEOUT_MS + 200; now_ms < end; now_ms += 10) {
        node_tick(b.node, now_ms, now_ms << 20, false);
        struct node_action action;
        while (node_next_action(b.node, &action))
            if (action.kind == NODE_CLOSE_IN)
                note(&b, "close_in");
    }
    ck_assert_ptr_nonnull(strstr(b.trace, "close_in"));
    ck_assert_uint_eq(view_of(&b).in_link, 0);
    ck_assert_uint_ge(view_of(&b).timeouts, 2);
}
END_TEST

/* Barriers among the actions of `half`, which are carried out but for them. */
static unsigned barriers_wanted(struct half *half) {
    struct node_action action;
    unsigned count = 0;
    while (node_next_action(half->node, &action))
        count += action.kind == NODE_BARRIER;
    return count;
}

/* The outgoing link of b ends, and it says hello to a again. */
static void greet_again(void) {
    node_out_closed(b.node, now_ms);
    node_in_closed(a.node, now_ms, view_of(&a).in_link);
    while (view_of(&b).out != OUT_STREAMING) {
        now_ms += 10;
        node_tick(b.node, now_ms, now_ms << 20, false);
        run(&b, &a);
    }
}

START_TEST(an_answer_that_may_be_lost_with_the_peers_link_is_asked_for_again) {
    pass(500, true);
    now_ms += 100;
    node_tick(a.node, now_ms, now_ms << 20, true);
    ck_assert_uint_eq(barriers_wanted(&a), 1);
    greet_again();
    ck_assert_uint_eq(barriers_wanted(&a), 1);
    greet_again();
    ck_assert_uint_eq(barriers_wanted(&a), 1);
    greet_again();
    ck_assert_uint_eq(barriers_wanted(&a), 0); /* there is an end to it */
    for (int i = 0; i < 3; i++)
        node_out_acked(a.node, now_ms);
    greet_again();
    ck_assert_uint_eq(barriers_wanted(&a), 0);
}
END_TEST

START_TEST(answers_wait_for_a_stream_that_has_just_ended) {
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LINK);
    pass(500, true);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_STREAM);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xc), NODE_WAY_LINK);
    node_out_closed(a.node, now_ms);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LATER);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xc), NODE_WAY_LINK);
    /* tries in vain change nothing */
    pass(TIMEOUT_MS, false);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LATER);
    pass(20, false);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LINK);
    pass(2000, true);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_STREAM);
}
END_TEST

/* Told to wait until it has taken what the peer has for it, a node has to say that it has. */
START_TEST(a_peer_that_greets_is_alive) {
    static const char waits[] = "REPL 1 000000000000000b master ready 5 none 1 wait";
    pass(500, true);
    node_out_closed(a.node, now_ms);
    struct node_action action;
    do {
        now_ms += 10;
        node_tick(a.node, now_ms, now_ms << 20, false);
    } while (!node_next_action(a.node, &action) || action.kind != NODE_DIAL);
    node_out_connected(a.node, now_ms, now_ms << 20);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LATER);
    node_out_line(a.node, now_ms, now_ms << 20, waits);
    ck_assert_int_eq(view_of(&a).out, OUT_DOWN);
    ck_assert_int_eq(node_answer_way(a.node, now_ms, 0xb), NODE_WAY_LINK);
}
END_TEST

/* The link of an earlier life of the peer, or of an impostor, while the peer has answered ours. */
START_TEST(only_the_peers_own_link_makes_a_node_start_over) {
    struct node_greeting greeting;
    pass(500, true);
    node_promote(b.node, now_ms, now_ms << 20);
    node_in_hello(a.node, now_ms, now_ms << 20, 77, true,
                  "1 000000000000000c slave joining 0 any 1", &greeting);
    ck_assert(greeting.is_accepted);
    while (view_of(&a).out != OUT_STREAMING || view_of(&a).peer.id != 0xb) {
        now_ms += 10;
        node_tick(a.node, now_ms, now_ms << 20, false);
        run(&a, &b);
    }
    ck_assert_uint_eq(view_of(&a).in_link, 77);
    expect(&a, NODE_SLAVE, NODE_READY);
    ck_assert_int_eq(node_in_line(a.node, now_ms, now_ms << 20, 77, "begin"), NODE_LINE_BAD);
    ck_assert_int_eq(node_in_line(a.node, now_ms, now_ms << 20, 77, "synced"), NODE_LINE_BAD);
    expect(&a, NODE_SLAVE, NODE_READY);
    ck_assert_uint_eq(view_of(&a).full_syncs_in, 0);
}
END_TEST

START_TEST(a_stock_memcached_is_filled_one_way) {
    node_tick(a.node, now_ms, 0, false);
    struct node_action action;
    ck_assert(node_next_action(a.node, &action));
    ck_assert_int_eq(action.kind, NODE_DIAL);
    node_out_connected(a.node, now_ms, 0);
    node_out_line(a.node, now_ms, 0, "ERROR");
    node_out_line(a.node, now_ms, 0, _i == 0 ? "VERSION 1.6.18" : "VERSION 1.6.38");
    ck_assert_int_eq(view_of(&a).dialect, _i == 0 ? DIALECT_CLASSIC : DIALECT_META);
    ck_assert_int_eq(view_of(&a).out, OUT_FULL);
    expect(&a, NODE_MASTER, NODE_READY);
}
END_TEST

START_TEST(rubbish_is_no_hello) {
    static const char *const rubbish[] = {
        "",
        "1",
        "2 000000000000000b slave ready 0 none 0",
        "1 b slave ready 0 none 0",
        "1 000000000000000b boss ready 0 none 0",
        "1 000000000000000b slave ready x none 0",
        "1 0000000000000000 slave ready 0 none 0",
        "1 000000000000000b slave ready 0 none",
        "1 000000000000000b slave ready 0 none 0 more",
        "1 000000000000000b slave ready 99999999999999999999 none 0",
    };
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        struct node_greeting greeting;
        node_in_hello(a.node, now_ms, 1, 7, true, rubbish[i], &greeting);
        ck_assert_msg(!greeting.is_accepted, "accepted: %s", rubbish[i]);
    }
}
END_TEST

START_TEST(many_events_between_two_ticks_do_no_harm) {
    for (int i = 0; i < 1000; i++) {
        char text[NODE_TEXT_BYTES_MAX];
        struct node_info info = view_of(&b).self;
        struct node_greeting greeting;
        node_text_put(text, &info);
        node_in_hello(a.node, now_ms, 1, (uint64_t)i + 1, true, text, &greeting);
        node_promote(a.node, now_ms, (uint64_t)i);
        node_demote(a.node, now_ms);
    }
    ck_assert_uint_eq(view_of(&a).in_link, 1000);
}
END_TEST

/* Both nodes decide alike, whatever they are. */
START_TEST(the_order_is_the_same_seen_from_both_sides) {
    static const uint64_t covers[] = {NODE_COMPLETE_FOR_NONE, NODE_COMPLETE_FOR_ANY, 1, 2, 3};
    for (unsigned i = 0; i < 3 * 3 * 5 * 5 * 4; i++) {
        unsigned n = i;
        struct node_info x = {.id = 1};
        struct node_info y = {.id = 2};
        x.state = (enum node_state)(n % 3), n /= 3;
        y.state = (enum node_state)(n % 3), n /= 3;
        x.complete_for = covers[n % 5], n /= 5;
        y.complete_for = covers[n % 5], n /= 5;
        x.promoted_at = n % 2, n /= 2;
        y.promoted_at = n;
        ck_assert(order_is_source(&x, &y) != order_is_source(&y, &x));
        ck_assert(order_can_resume(&x, &y) == order_can_resume(&y, &x));
    }
}
END_TEST

int main(void) {
    Suite *suite = suite_create("node");
    TCase *tcase = tcase_create("node");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, two_fresh_nodes_agree_without_a_full_sync);
    tcase_add_test(tcase, a_node_alone_becomes_master_after_the_join_time_and_not_before);
    tcase_add_test(tcase, a_restarted_master_is_filled_by_its_slave_and_never_wipes_it);
    tcase_add_test(
        tcase, a_restarted_master_that_was_alone_for_the_join_time_does_not_wipe_its_slave_either);
    tcase_add_test(tcase, a_short_break_is_resumed_from_the_logs);
    tcase_add_test(tcase, an_overflow_makes_the_other_side_start_over);
    tcase_add_test(tcase, an_overflow_in_the_middle_of_a_full_sync_makes_it_begin_again);
    tcase_add_test(tcase, a_loser_hands_over_its_log_before_it_starts_over);
    tcase_add_test(tcase, waiting_for_a_log_that_never_drains_ends);
    tcase_add_test(tcase, a_client_write_on_the_slave_is_a_take_over);
    tcase_add_test(tcase, a_master_that_is_demoted_hands_its_role_to_its_slave);
    tcase_add_test(tcase, of_two_masters_the_later_promotion_stays);
    tcase_add_test(tcase, a_peer_that_is_ourselves_is_refused);
    tcase_add_test(tcase, a_silent_link_is_closed_after_the_timeout);
    tcase_add_test(tcase, an_answer_that_may_be_lost_with_the_peers_link_is_asked_for_again);
    tcase_add_test(tcase, answers_wait_for_a_stream_that_has_just_ended);
    tcase_add_test(tcase, a_peer_that_greets_is_alive);
    tcase_add_test(tcase, only_the_peers_own_link_makes_a_node_start_over);
    tcase_add_loop_test(tcase, a_stock_memcached_is_filled_one_way, 0, 2);
    tcase_add_test(tcase, rubbish_is_no_hello);
    tcase_add_test(tcase, many_events_between_two_ticks_do_no_harm);
    tcase_add_test(tcase, the_order_is_the_same_seen_from_both_sides);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
