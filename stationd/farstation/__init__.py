"""The far station: what this end of the line says to the other once a second, and what of its words is believed.

What comes from the far end may refuse or hold here; it never starts or raises anything. It is believed only when it is signed,
in order and fresh; everything else is counted by its reason and goes no further. Without such a message the far end is unknown.
"""
