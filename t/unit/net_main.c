/* Runs the unit tests of the net layer. */
#include <stdlib.h>

#include "t/unit/net_tests.h"

int main(void) {
    SRunner *runner = srunner_create(net_outbuf_suite());
    srunner_add_suite(runner, net_bufpool_suite());
    srunner_add_suite(runner, net_inbuf_suite());
    srunner_add_suite(runner, net_socket_suite());
    srunner_add_suite(runner, net_udp_suite());
    srunner_add_suite(runner, net_loop_suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
