# No script is installed from here yet.
