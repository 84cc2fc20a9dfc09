# What an application does with pymemcache. Prints `ok NAME` or `not ok NAME`, at the end `done`.
import sys
import threading
import time

from pymemcache.client.base import Client, PooledClient
from pymemcache.client.hash import HashClient

address = ("127.0.0.1", int(sys.argv[1]))


def check(name, holds):
    print(("ok " if holds else "not ok ") + name)


def comes_true(condition, seconds=10):
    end = time.time() + seconds
    while time.time() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


client = Client(address, timeout=20, connect_timeout=20, default_noreply=False)
check("version", client.version().count(b".") == 2)
check("set", client.set("k", "v") is True)
check("get", client.get("k") == b"v")
check("get of a miss", client.get("missing") is None)
check("get with a default", client.get("missing", 5) == 5)
check("add of a held key", client.add("k", "w") is False)
check("add", client.add("new", "w") is True)
check("replace", client.replace("new", "x") is True and client.get("new") == b"x")
check("replace of a miss", client.replace("missing", "x") is False)
check("append", client.append("k", "2") is True and client.get("k") == b"v2")
check("prepend", client.prepend("k", "1") is True and client.get("k") == b"1v2")
value, cas = client.gets("k")
check("gets", value == b"1v2" and int(cas) > 0)
check("cas", client.cas("k", "by cas", cas) is True)
check("cas that is old", client.cas("k", "again", cas) is False)
check("cas of a miss", client.cas("missing", "x", cas) is None)
check("flags", client.set("flagged", "x", flags=12345) and client.get("flagged") == b"x")

many = {"many%d" % n: "value %d" % n for n in range(500)}
check("set_many", client.set_many(many) == [])
found = client.get_many(list(many) + ["missing"])
check("get_many", found == {key: value.encode() for key, value in many.items()})
check("gets_many", len(client.gets_many(list(many))) == 500)
check("delete_many", client.delete_many(list(many)[:250]) is True)
check("get_many after it", len(client.get_many(list(many))) == 250)

check("incr", client.set("n", "9") and client.incr("n", 1) == 10)
check("decr", client.decr("n", 3) == 7)
check("decr below zero", client.decr("n", 100) == 0)
check("incr of a miss", client.incr("missing", 1) is None)
check("touch", client.touch("n", 100) is True)
check("touch of a miss", client.touch("missing", 100) is False)
check("delete", client.delete("n") is True)
check("delete of a miss", client.delete("n") is False)

check("expiry: there at first", client.set("short", "x", expire=2) and client.get("short") == b"x")
client.set("touched", "x")
client.touch("touched", 1)
check("expiry: gone", comes_true(lambda: client.get("short") is None))
check("expiry by touch", comes_true(lambda: client.get("touched") is None))

big = b"\0\r\n\xff" * 200000
check("a large value", client.set("big", big) and client.get("big") == big)
try:
    client.set("toobig", b"x" * 2000000)
    check("a value too large raises a server error", False)
except Exception as error:
    check("a value too large raises a server error", "too large" in str(error))
check("and the client goes on", client.get("k") == b"by cas")

check("noreply", client.set("quiet", "x", noreply=True) is True and client.get("quiet") == b"x")
client.delete("quiet", noreply=True)
check("delete with noreply", client.get("quiet") is None)
stats = client.stats()
check("stats", stats[b"curr_items"] > 0 and stats[b"version"] == client.version())
check("stats settings", client.stats("settings")[b"maxconns"] == 1024)
check("cache_memlimit", client.cache_memlimit(100) is True)
check("flush_all", client.flush_all() is True and client.get("k") is None)

pool = PooledClient(address, max_pool_size=8, timeout=20, default_noreply=False)
pool.set("count", "0")


def count():
    for _ in range(100):
        pool.incr("count", 1)


threads = [threading.Thread(target=count) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
check("eight threads count together", pool.get("count") == b"800")

hashed = HashClient([address], timeout=20, default_noreply=False)
check("HashClient set_many", hashed.set_many({"h1": "1", "h2": "2"}) == [])
check("HashClient get_many", hashed.get_many(["h1", "h2", "h3"]) == {"h1": b"1", "h2": b"2"})
client.quit()
print("done")
