/* Runs the unit tests of the net layer. */
#include "memcached/base/check.h"
#include "t/unit/net_tests.h"
#include "t/unit/suite.h"

int main(void) {
    Suite *const suites[] = {net_outbuf_suite(), net_bufpool_suite(), net_inbuf_suite(),
                             net_socket_suite(), net_udp_suite(),     net_loop_suite()};
    return run_suites(ARRAY_COUNT(suites), suites);
}
