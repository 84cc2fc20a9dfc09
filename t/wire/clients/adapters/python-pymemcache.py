# Python's pymemcache: python-pymemcache.py HOST PORT
import sys

from pymemcache.client.base import Client

from serve import commands_of, serve

client = Client((sys.argv[1], int(sys.argv[2])), timeout=5, connect_timeout=5, default_noreply=False)
serve(commands_of(client))
