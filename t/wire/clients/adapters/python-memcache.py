# Python's python-memcached, an older one: python-memcache.py HOST PORT
import sys

import memcache

from serve import commands_of, serve

client = memcache.Client(["%s:%s" % (sys.argv[1], sys.argv[2])], dead_retry=1, socket_timeout=5)
serve(commands_of(client))
