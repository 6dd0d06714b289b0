"""Every key of `station.toml` with its default and meaning, as `stationd check --defaults` prints it.

The listing is itself TOML: what has a default is written as if it were given, what has none is a comment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from stationd.config.draft import choices, example_of, limits_of
from stationd.config.plant import SECTIONS
from stationd.config.problem import shown
from stationd.config.sampling import Calibration, Channel

SUBSECTIONS = (tuple[Channel, ...], Mapping[str, Calibration])  # shown as tables of their own
_HEADERS = {
    "bus": "[bus.NAME]", "device": "[device.NAME]", "pfe": "[pfe.DEVICE]", "amplifier": "[amplifier.DEVICE]", "alarm": "[[alarm]]",
    "suppression": "[[suppression]]",
}  # fmt: skip


def defaults() -> str:
    """Return the listing."""
    blocks = [_block(_HEADERS.get(section, f"[{section}]"), model) for section, model in SECTIONS.items()]
    sampler = list(SECTIONS).index("sampler")
    blocks.insert(sampler + 1, _block("[sampler.calibration.NAME]", Calibration))
    blocks.insert(sampler + 2, _block("[[sampler.channel]]", Channel))
    return "\n".join(blocks)


def _block(header: str, model: type[BaseModel]) -> str:
    about = " ".join((model.__doc__ or "").split())
    fields = {key: field for key, field in model.model_fields.items() if field.annotation not in SUBSECTIONS}
    keys = [line for key, field in fields.items() for line in _key(key, field)]
    return "\n".join((f"# {about}", header, *keys, ""))


def _key(key: str, field: FieldInfo) -> Iterator[str]:
    words = choices(field)
    one_of = " | ".join(words) if words and " | " not in (field.description or "") else ""
    yield f"# {'; '.join(filter(None, (field.description, limits_of(field), one_of)))}"
    if field.is_required():
        yield f"# {key} is required, for example: {key} = {shown(example_of(field))}"
        return
    default = field.get_default(call_default_factory=True, validated_data={})
    yield f"# {key} is not set" if default is None else f"{key} = {_toml(default)}"


def _toml(default: object) -> str:
    if isinstance(default, tuple) and default:
        return f"[{', '.join(map(_toml, default))}]"
    return shown(default.value if isinstance(default, Enum) else default)
