"""Hardware in the loop: the same scenarios on the simulated line and on a bench, with measurements, faults and a report. Not shipped.

Nothing here imports stationd: the device under test is a program, reached through its public face alone. See hil/README.md.
"""
