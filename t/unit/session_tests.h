/* What the tests of sessions share. */
#ifndef SESSION_TESTS_H
#define SESSION_TESTS_H

#include <check.h>
#include <string.h>

#include "t/unit/session_host.h"
#include "t/unit/suite.h"

/* The session answers `request`, received whole, with exactly `reply`, and stays open. */
#define ck_assert_said(host, request, reply)                                                       \
    do {                                                                                           \
        const char *request_ = (request);                                                          \
        host_forget(host);                                                                         \
        ck_assert(host_receive((host), request_, strlen(request_), 0));                            \
        const char *said_ = (host)->said ? (host)->said : "";                                      \
        ck_assert_msg(strcmp(said_, (reply)) == 0, "'%s' is answered '%s' and not '%s'", request_, \
                      said_, (reply));                                                             \
    } while (0)

#endif
