# Python's python-memcached, an older one: python-memcache.py HOST PORT
import sys

import memcache

from serve import number, said, serve, value, values

client = memcache.Client(["%s:%s" % (sys.argv[1], sys.argv[2])], dead_retry=1, socket_timeout=5)
serve({
    "set": lambda key, data, expire: said(client.set(key, data, time=int(expire))),
    "add": lambda key, data, expire: said(client.add(key, data, time=int(expire))),
    "get": lambda key: value(client.get(key)),
    "mget": lambda *keys: values(client.get_multi(keys)),
    "touch": lambda key, expire: said(client.touch(key, int(expire))),
    "incr": lambda key, by: number(client.incr(key, int(by))),
    "decr": lambda key, by: number(client.decr(key, int(by))),
    "delete": lambda key: said(client.delete(key)),
})
