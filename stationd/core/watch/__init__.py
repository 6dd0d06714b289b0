"""The watch over the line: what both ends show, gathered over time, as evidence for the verdict. Pure.

`line_watch.LineWatch` is the door.
"""
