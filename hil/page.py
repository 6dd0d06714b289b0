"""The /metrics page of the device under test, read with nothing but the standard library.

What it is: the text format of Prometheus (https://prometheus.io/docs/instrumenting/exposition_formats/) as a list of samples.
What it is not: a scraper; it fetches when it is asked.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator, Mapping
from typing import NamedTuple

SAMPLE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \S+)?$")
LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"')
FETCH_S = 5.0


class Sample(NamedTuple):
    """One line of the page."""

    name: str
    labels: Mapping[str, str]
    value: float


def parse(text: str) -> Iterator[Sample]:
    """Yield the samples of a page. ValueError with the line that is none."""
    for line in text.splitlines():
        if not line or line.startswith("#"):
            continue
        found = SAMPLE.match(line)
        if found is None:
            raise ValueError(f"no sample: {line!r}")
        yield Sample(found[1], dict(LABEL.findall(found[2] or "")), float(found[3]))


class Page:
    """The samples of one scrape."""

    def __init__(self, samples: list[Sample]) -> None:
        self.samples = samples

    @classmethod
    def fetch(cls, url: str) -> Page:
        """Fetch and read. OSError when nobody answers."""
        with urllib.request.urlopen(url, timeout=FETCH_S) as answer:  # noqa: S310 - the address is that of the device under test
            return cls(list(parse(answer.read().decode())))

    def values(self, name: str, **labels: str) -> dict[str, float]:
        """Return the values of a family with these labels, by the text of all labels."""
        found = self.find(name, **labels)
        return {",".join(f"{key}={value}" for key, value in sorted(each.labels.items())): each.value for each in found}

    def find(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of a family with these labels."""
        return [each for each in self.samples if each.name == name and labels.items() <= each.labels.items()]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the only such value, None where it is absent: stale and bad values are."""
        found = self.find(name, **labels)
        return found[0].value if len(found) == 1 else None
