# Protocol parsers and composers: no library here yet.
