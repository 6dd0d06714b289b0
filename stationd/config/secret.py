"""Secrets by reference: the configuration names a systemd credential or a file, and only here it is opened.

Follows systemd's credentials (systemd.exec(5), LoadCredential=): the service finds them in $CREDENTIALS_DIRECTORY.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from pathlib import Path

from stationd.regular_file import read_regular

LARGEST_SECRET = 64 * 1024  # bytes; a key or a password is far below, a file of this size is a mistake


class SecretError(OSError):
    """A secret cannot be had; the message says which reference and why, never the content."""


def resolve_secret(reference: str, environ: Mapping[str, str]) -> bytes:
    """Return the secret that "credential:NAME" or "file:/path" names, without the line end that editors add.

    Raises SecretError when it is not there, cannot be read, is empty or is far too large.
    """
    path = _path(reference, environ)
    try:
        secret = read_regular(path, LARGEST_SECRET)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno == errno.EFBIG:
            raise SecretError(f"{reference}: {path} is larger than {LARGEST_SECRET} bytes") from error
        reason = error.strerror if isinstance(error, OSError) else error
        raise SecretError(f"{reference}: cannot read {path}: {reason}") from error
    secret = secret.removesuffix(b"\n").removesuffix(b"\r")
    if not secret:
        raise SecretError(f"{reference}: {path} is empty")
    return secret


def _path(reference: str, environ: Mapping[str, str]) -> Path:
    kind, _, rest = reference.partition(":")
    match kind:
        case "credential" if rest and "/" not in rest and rest not in (".", ".."):
            directory = environ.get("CREDENTIALS_DIRECTORY")
            if not directory:
                raise SecretError(f"{reference}: no credentials here; the unit needs LoadCredential={rest}:/path")
            return Path(directory) / rest
        case "file" if rest.startswith("/"):
            return Path(rest)
        case _:
            raise SecretError('a secret is named "credential:NAME" or "file:/absolute/path"')
