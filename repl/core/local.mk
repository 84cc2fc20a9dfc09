# The core of replication: no library here yet.
