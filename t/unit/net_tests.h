/* The suites of the net layer. */
#ifndef T_UNIT_NET_TESTS_H
#define T_UNIT_NET_TESTS_H

#include <check.h>

Suite *net_bufpool_suite(void);
Suite *net_inbuf_suite(void);
Suite *net_loop_suite(void);
Suite *net_outbuf_suite(void);
Suite *net_socket_suite(void);
Suite *net_udp_suite(void);

#endif
