# Settings, options and statistics: no sources here yet.
