"""Strict reading of JSON: nothing but an object of plain values, and of a told value its unit and quality."""

from __future__ import annotations

import json
from typing import Any

import pytest

from stationd.farstation.fields import Malformed, parsed
from stationd.farstation.message import decoded, encoded
from stationd.farstation.seal import seal
from stationd.farstation.words import Rejection, Result
from tests.farstation.ends import KEY, message


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"[1]", "no JSON object"),
        (b"7", "no JSON object"),
        (b"", "no JSON"),
        (b"{" * 100_000, "no JSON"),
        (b'{"a":"\xff"}', "no JSON"),
        (b'{"a":NaN}', "NaN is no number"),
        (b'{"a":{"b":1,"b":2}}', "there twice"),
    ],
    ids=["list", "number", "nothing", "deep", "no text", "not a number", "twice"],
)
def test_what_is_no_object_of_plain_values_is_malformed(body: bytes, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        parsed(body)


@pytest.mark.parametrize(("name", "wrong"), [("u", "A"), ("u", None), ("q", "splendid"), ("q", "bad"), ("v", None)])
def test_a_current_in_another_unit_or_of_a_quality_that_does_not_fit_it_is_malformed(name: str, wrong: object) -> None:
    document: dict[str, Any] = json.loads(encoded(message(), KEY))
    del document["signature"]
    document["feed"]["current"][name] = wrong
    found = decoded(seal(json.dumps(document).encode(), KEY), KEY)
    assert isinstance(found, Rejection)
    assert found.result is Result.MALFORMED
    assert "current" in found.detail
