# The store: no library here yet.
