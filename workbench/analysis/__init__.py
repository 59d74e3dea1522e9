"""Pure functions on frames: the same rows in, the same answer out; nothing is read or written."""
