"""What all sections of `station.toml` share: how strictly they are read, and the few kinds of values that several have."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field

STRICT = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)
# A line has 24 pairs at most today (domain figures for this length: 16-24); 64 leaves room.
FibrePair = Annotated[int, Field(ge=1, le=64)]
