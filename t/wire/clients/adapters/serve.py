# The loop around a Python client: lines in, lines out, as t/wire/lib/Wire/Adapter.pm describes.
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
