"""Bytes to values and back, without any input or output: every codec can be run from a recorded trace."""
