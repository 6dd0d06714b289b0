"""What is shown: pure functions from answers of the daemon to lines of 7-bit ASCII, at most 79 columns."""
