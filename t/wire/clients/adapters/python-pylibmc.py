# Python's pylibmc: python-pylibmc.py HOST PORT text|binary
import sys

import pylibmc

from serve import number, said, serve, value, values

client = pylibmc.Client(["%s:%s" % (sys.argv[1], sys.argv[2])], binary=sys.argv[3] == "binary",
                        behaviors={"tcp_nodelay": True, "retry_timeout": 1})


def count(operation, key, by):
    try:
        return number(operation(key, int(by)))
    except pylibmc.NotFound:
        return "miss"


serve({
    "set": lambda key, data, expire: said(client.set(key, data, time=int(expire))),
    "add": lambda key, data, expire: said(client.add(key, data, time=int(expire))),
    "get": lambda key: value(client.get(key)),
    "mget": lambda *keys: values(client.get_multi(keys)),
    "touch": lambda key, expire: said(client.touch(key, int(expire))),
    "incr": lambda key, by: count(client.incr, key, by),
    "decr": lambda key, by: count(client.decr, key, by),
    "delete": lambda key: said(client.delete(key)),
})
