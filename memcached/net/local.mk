# Event loop, sockets, buffers: no library here yet.
