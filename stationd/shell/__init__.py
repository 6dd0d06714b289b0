"""What people type at a station and what they see: `stationctl`, one-shot and as a shell. It knows the daemon by its socket alone."""
