# Python's pylibmc: python-pylibmc.py HOST PORT text|binary
import sys

import pylibmc

from serve import commands_of, number, serve

client = pylibmc.Client(["%s:%s" % (sys.argv[1], sys.argv[2])], binary=sys.argv[3] == "binary",
                        behaviors={"tcp_nodelay": True, "retry_timeout": 1})


def count(operation, key, by):
    try:
        return number(operation(key, int(by)))
    except pylibmc.NotFound:
        return "miss"


serve({
    **commands_of(client),
    "incr": lambda key, by: count(client.incr, key, by),
    "decr": lambda key, by: count(client.decr, key, by),
})
