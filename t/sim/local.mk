# No program here yet.
