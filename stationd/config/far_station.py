"""From a checked configuration to the link with the far station: who is expected to speak, the secret of both ends, what is shared.

What the file says stands in stationd.config.model, what is done with it in stationd.farstation. The secret is opened here, once.
"""

from __future__ import annotations

from collections.abc import Mapping

from stationd.config.model import Profile, StationConfig
from stationd.config.secret import SecretError, resolve_secret
from stationd.farstation.guard import Expected
from stationd.farstation.link import Settings
from stationd.farstation.seal import SHORTEST_KEY
from stationd.farstation.unit import FarUnit, far_unit
from stationd.farstation.words import Share
from stationd.outputs.document import Mode


def far_settings(config: StationConfig, environ: Mapping[str, str]) -> Settings | None:
    """Return who is expected to speak, or None without [far_station]. Where its key cannot be had `no_key` says why."""
    far, line = config.far_station, config.line
    if far is None or line is None or line.far_station is None:
        return None
    station = config.station
    expected = Expected(station.name, line.far_station, line.name, Mode(station.mode.value), far.max_age_s)
    try:
        return Settings(expected, _key(far.key, environ))
    except SecretError as error:
        return Settings(expected, b"", str(error))


def _key(reference: str, environ: Mapping[str, str]) -> bytes:
    key = resolve_secret(reference, environ)
    if len(key) < SHORTEST_KEY:
        hint = f"both stations need the same one of at least {SHORTEST_KEY}, for example from: openssl rand -hex 32"
        raise SecretError(f"{reference}: the key of [far_station] has {len(key)} bytes; {hint}")
    return key


def key_trouble(config: StationConfig, environ: Mapping[str, str]) -> str:
    """Return what is wrong with the key as far as it can be seen from here, or "". A credential is there for the service alone."""
    settings, far = far_settings(config, environ), config.far_station
    if settings is None or far is None or (far.key.startswith("credential:") and not environ.get("CREDENTIALS_DIRECTORY")):
        return ""
    return settings.no_key


def far_unit_of(config: StationConfig) -> FarUnit | None:
    """Return the far station as a unit of the board, or None without [far_station]."""
    far, line = config.far_station, config.line
    if far is None or line is None or line.far_station is None:
        return None
    return far_unit(line.far_station, line.fibre_pairs, far.max_age_s, fed=line.profile is Profile.REPEATERED)


def shared(config: StationConfig) -> frozenset[Share]:
    """Return what the far operator may know of this end."""
    return frozenset(Share(each.value) for each in config.far_station.share) if config.far_station else frozenset()
