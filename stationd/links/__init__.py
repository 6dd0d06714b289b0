"""Hardware input and output: ports, and the one owner task that each of them has."""
