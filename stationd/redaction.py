"""What is a secret and does not leave this machine: the one rule for the log that people read, the configuration, and bundles. Pure.

A secret is what a name calls one (password, token, psk, api_key), a login within an address, what follows "authorization", and a private
key. Names are looked at wherever they stand: as the name of a field, in a JSON document, in a line of text. Too much is withheld rather
than too little; references to credentials and to files of secrets stay, since they are what one looks for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

WITHHELD = "(withheld)"
_LETTER = "A-Za-z0-9_.-"
_WORDS = r"passw|passphrase|passcode|secret|token|pwd|psk|credential|(?:api|private|access|auth|shared|signing|encryption)[_-]?key"
# In the log and in documents "key" is that of an alarm, "passed" a result and "bypass" an act; in a station file each is a setting.
_ELSEWHERE = rf"(?:{_WORDS})[{_LETTER}]*|(?<![A-Za-z0-9])pass"
_OF_FILE = rf"(?:{_WORDS}|(?<!by)pass(?!band))[{_LETTER}]*|(?<![A-Za-z0-9])key"
_ESCAPED = r"\\+\"[^\"\n]*(?:\"|$)"  # a document within a text has its quotes escaped
_LONG = r"\"\"\".*?(?:\"\"\"|\Z)|'''.*?(?:'''|\Z)"  # a text over many lines, and one of a line, which may be cut off
_SHORT = r"\"(?:[^\"\\\n]|\\.)*(?:\"|$)|'[^'\n]*(?:'|$)"
_VALUE = rf"{_ESCAPED}|{_LONG}|{_SHORT}|" + r"\[.*?(?:\]|\Z)|[^\s,}\]#&\"']*"
_FLAGS = re.IGNORECASE | re.DOTALL | re.MULTILINE
_BY_NAME = {True: _OF_FILE, False: _ELSEWHERE}
_PAIRS = {of_file: re.compile(rf"({name})(\\*[\"']?\s*[=:]\s*)({_VALUE})", _FLAGS) for of_file, name in _BY_NAME.items()}
_NAMES = {of_file: re.compile(rf"(?:[{_LETTER}]*?)(?:{name})", re.IGNORECASE) for of_file, name in _BY_NAME.items()}
_REFERENCE = re.compile(r"credential:[A-Za-z0-9_.-]+|file:/[^\s\"']*")
_LOADED = re.compile(r"[A-Za-z0-9_.-]+:/[A-Za-z0-9_./-]*")  # what a unit loads a credential from, as comments quote it
_ADDRESS = re.compile(r"//[^\s\"',]+")  # a login in it goes to the last "@": a password may have slashes
_HINT = re.compile(rf"{_WORDS}|pass|key|authorization|bearer|//|-----BEGIN", re.IGNORECASE)
_OPTION = re.compile(rf"(?<![{_LETTER}])(--?(?:[A-Za-z0-9-]*-)?(?:{_ELSEWHERE}))(\s+)(?![-\s])\S+", re.IGNORECASE)
_AUTHORIZATION = re.compile(r"(\bauthorization[\"']?\s*[=:]\s*[\"']?)(?:(?:bearer|basic|digest)\s+)?[^\s\"',]+", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer\s+)[A-Za-z0-9+/=._~-]{8,}", re.IGNORECASE)
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]*-----.*?(?:-----END [A-Z0-9 ]*-----|\Z)", re.DOTALL)


def names_a_secret(name: str, *, of_file: bool = False) -> bool:
    """Return whether what has this name is a secret; `of_file` says that it is a setting of the station file."""
    return _NAMES[of_file].fullmatch(name) is not None


def shown(name: str, text: str, *, of_file: bool = False) -> str:
    """Return a text that has a name, as it may be shown."""
    if names_a_secret(name, of_file=of_file) and text and not _REFERENCE.fullmatch(text):
        return WITHHELD
    return redacted(text)


def redacted(text: str, *, of_file: bool = False) -> str:
    """Return a text without secrets; `of_file` says that it is the station file, in which more names call something a secret."""
    if _HINT.search(text) is None:
        return text
    text = _PEM.sub(WITHHELD, text)
    text = _AUTHORIZATION.sub(rf"\g<1>{WITHHELD}", text)
    text = _BEARER.sub(rf"\g<1>{WITHHELD}", text)
    text = _PAIRS[of_file].sub(_pair, text)
    text = _OPTION.sub(rf"\g<1>\g<2>{WITHHELD}", text)
    return _ADDRESS.sub(_address, text)


def redacted_document(value: object, name: str = "") -> object:
    """Return a JSON value without secrets. `name` is the one under which it stands."""
    match value:
        case str() if value[:1] in ("{", "[") and not names_a_secret(name):
            return _within(value)
        case str():
            return shown(name, value)
        case Mapping() | list() if value and names_a_secret(name):
            return WITHHELD
        case Mapping():
            return {each: redacted_document(inner, str(each)) for each, inner in value.items()}
        case list():
            return [redacted_document(inner) for inner in value]
        case int() | float() if not isinstance(value, bool) and names_a_secret(name):
            return WITHHELD
        case _:
            return value


def _within(text: str) -> str:
    """Return a text that may be a document itself, as a record of the journal is in its row of the audit."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return redacted(text)
    clean = redacted_document(document)
    return text if clean == document else json.dumps(clean, separators=(",", ":"), ensure_ascii=False)


def _address(found: re.Match[str]) -> str:
    _, login, where = found[0].rpartition("@")
    return f"//{WITHHELD}@{where}" if login else found[0]


def _pair(found: re.Match[str]) -> str:
    name, mark, value = found.groups()
    return f"{name}{mark}{value if _harmless(found) else _in_quotes(value)}"


def _harmless(found: re.Match[str]) -> bool:
    """Return whether what is in the place of a value is none, or says only where a secret is."""
    name, mark, value = found.groups()
    before = found.string[max(found.start() - 4, 0) : found.start()].lower()
    if not value or value == WITHHELD:
        return True
    if name.lower() == "credential":
        bare = not before or not re.match(rf"[{_LETTER}]", before[-1])
        return (bare and mark == ":") or (before == "load" and _LOADED.fullmatch(value) is not None)
    return value[0] in "\"'" and value[-1] == value[0] and _REFERENCE.fullmatch(value[1:-1]) is not None


def _in_quotes(value: str) -> str:
    """Return what stands in place of a value, so that a document stays one."""
    escapes = value[: len(value) - len(value.lstrip("\\"))]
    return f'{escapes}"{WITHHELD}{escapes}"' if escapes or value[0] in "\"'[" else WITHHELD
