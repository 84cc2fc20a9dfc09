#include "memcached/base/check.h"

#include <stdio.h>
#include <stdlib.h>

_Noreturn void check_failed(const char *file, int line, const char *claim) {
    fprintf(stderr, "memcached: %s:%d: check failed: %s\n", file, line, claim);
    abort();
}
