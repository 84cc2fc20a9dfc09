# Replication: no library here yet.
