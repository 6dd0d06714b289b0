"""The machine that drives a power feed, inside a running operation only: ramp, hold points, limits, discharge."""
