# Unit tests of this layer: none here yet.
