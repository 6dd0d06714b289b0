"""The pure heart: what readings, commands and time mean. No clock, no input or output, no await."""
