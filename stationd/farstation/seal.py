"""The signature of a message: HMAC-SHA256 (RFC 2104) over every byte before its last member. Pure.

A message is one line of JSON whose last member is `"signature"`, 64 hexadecimal digits. Nothing of a message is looked at before its
signature is right, so that only who has the key can make this program do work.
"""

from __future__ import annotations

import hashlib
import hmac

from stationd.farstation.words import Rejection, Result

LARGEST = 64 * 1024  # bytes; a message of 24 pairs has about 4 KiB
SHORTEST_KEY = 16  # bytes, 128 bits
MARK = b',"signature":"'
_DIGITS = 2 * hashlib.sha256().digest_size
_TAIL = len(MARK) + _DIGITS + len(b'"}')


def seal(body: bytes, key: bytes) -> bytes:
    """Return the message of a body, which is a JSON object with at least one member."""
    start = body.removesuffix(b"}")
    return start + MARK + _signature(start, key) + b'"}'


def unseal(payload: bytes, key: bytes) -> bytes | Rejection:
    """Return the body of a message that was sealed with this key, or why it is none. Never raises."""
    if len(payload) > LARGEST:
        return Rejection(Result.TOO_BIG, f"{len(payload)} bytes, at most {LARGEST}")
    if not (payload.startswith(b"{") and payload.endswith(b"}")):
        return Rejection(Result.MALFORMED, "is no JSON object")
    start, tail = payload[:-_TAIL], payload[-_TAIL:]
    if len(tail) < _TAIL or not tail.startswith(MARK) or not tail.endswith(b'"}'):
        return Rejection(Result.UNSIGNED, "its last member is no signature")
    if not hmac.compare_digest(tail[len(MARK) : -2], _signature(start, key)):
        return Rejection(Result.WRONG_SIGNATURE, "was signed with another key, or changed on the way")
    return start + b"}"


def _signature(start: bytes, key: bytes) -> bytes:
    return hmac.digest(key, start, hashlib.sha256).hex().encode()
