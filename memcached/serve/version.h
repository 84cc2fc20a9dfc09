/* Which memcached this behaves as (what clients are told), and what it is itself. */
#ifndef SERVE_VERSION_H
#define SERVE_VERSION_H

#ifdef HAVE_CONFIG_H
#include "config.h"
#define SERVER_VERSION MEMCACHED_VERSION
#define PRODUCT_NAME PACKAGE_NAME
#define PRODUCT_VERSION PACKAGE_VERSION
#else
#define SERVER_VERSION "1.6.45"
#define PRODUCT_NAME "memcached-replication"
#define PRODUCT_VERSION "unreleased"
#endif

#endif
