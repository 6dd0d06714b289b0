"""What runs inside the booted system, as a unit of it: the suite, its lines, the simulated plant. Standard library only."""
