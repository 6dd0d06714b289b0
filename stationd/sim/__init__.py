"""The simulated line: physics of the plant, the devices that answer from it, their ports and whole scenarios."""
