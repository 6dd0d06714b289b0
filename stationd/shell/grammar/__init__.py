"""What may be typed: one table of commands, and what reads it (parser, completion, `?`, man page)."""
