"""Fuzzing of everything that reads bytes from outside: what comes out is an answer or the declared error, soon, whatever comes in.

    target.py         what a target is; TARGETS, the list of them, is in catalogue.py
    *_targets.py      one module for each kind of door: what is called with the bytes, and what has to hold afterwards
    corpus/           kept seeds of each target, and every input that once broke something
    mutation.py       changes inputs, drawn from a seed; needs no package
    campaign.py       runs a target over its corpus and mutations of it; measures time and growth
    covered.py        the gates of `make coverage`;  mutants.py: whether the tests would notice a mistake
    __main__.py       `make fuzz`: the same, or atheris (libFuzzer for Python) where it is installed, for as long as one likes

The tests of this folder run each target for a bounded number of inputs; `native/fuzz_*.c` are the targets of the parsers in C.
"""
