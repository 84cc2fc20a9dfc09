# The loop around a Python client: lines in, lines out, as t/wire/lib/Wire/Adapter.pm describes;
# and the commands, which most of these clients spell alike.
import sys


def serve(commands):
    for line in sys.stdin:
        name, *words = line.split()
        command = commands.get(name)
        try:
            reply = command(*words) if command else "unsupported"
        except Exception as error:
            reply = "error " + " ".join(repr(error).split())
        sys.stdout.write(reply + "\n")
        sys.stdout.flush()


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def said(done):
    return "ok" if done else "no"


def value(found):
    return "miss" if found is None else "value " + text(found)


def values(found):
    return " ".join(["values"] + ["%s=%s" % (text(key), text(found[key])) for key in found])


def number(found):
    return "miss" if found is None else "number %d" % found


def commands_of(client):
    return {
        "set": lambda key, data, expire: said(client.set(key, data, int(expire))),
        "add": lambda key, data, expire: said(client.add(key, data, int(expire))),
        "get": lambda key: value(client.get(key)),
        "mget": lambda *keys: values(client.get_multi(keys)),
        "touch": lambda key, expire: said(client.touch(key, int(expire))),
        "incr": lambda key, by: number(client.incr(key, int(by))),
        "decr": lambda key, by: number(client.decr(key, int(by))),
        "delete": lambda key: said(client.delete(key)),
    }
