"""The goals R1-R20 of reliability as running proofs.

    python -m tests.reliability [ROW ...] [--hours H] [--into build/reliability.json]

Each proof writes its figures, with their limits, into one file; `python -m tests.reliability.table` makes the table of the README of it.
`make reliability` runs all at the size that suits every change (a quarter of an hour on two cores), `make release-proof HOURS=...` at
the size of a release. Not pytest: a proof has figures, and is planted with defects by tests.reliability.planted.
"""
