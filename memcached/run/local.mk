# The server program: none here yet.
