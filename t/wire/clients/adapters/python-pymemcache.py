# Python's pymemcache: python-pymemcache.py HOST PORT
import sys

from pymemcache.client.base import Client

from serve import number, said, serve, value, values

client = Client((sys.argv[1], int(sys.argv[2])), timeout=5, connect_timeout=5, default_noreply=False)
serve({
    "set": lambda key, data, expire: said(client.set(key, data, expire=int(expire))),
    "add": lambda key, data, expire: said(client.add(key, data, expire=int(expire))),
    "get": lambda key: value(client.get(key)),
    "mget": lambda *keys: values(client.get_many(keys)),
    "touch": lambda key, expire: said(client.touch(key, int(expire))),
    "incr": lambda key, by: number(client.incr(key, int(by))),
    "decr": lambda key, by: number(client.decr(key, int(by))),
    "delete": lambda key: said(client.delete(key)),
})
