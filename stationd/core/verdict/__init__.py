"""Whose fault is it? From what both ends show to one sentence that a person can act on at 3 am. Pure."""
