"""Acting on the plant: arm, approve, execute. One guarded path, and the refusals along it."""
