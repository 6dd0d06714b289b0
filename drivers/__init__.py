"""The catalogue of drivers: an explicit list, one line for each file of this package."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from drivers import (
    amp_amonics_aedfa,
    amp_edfa68,
    amp_fiberlabs,
    amp_keopsys_cefa,
    io_modbus,
    pfe_ea_ps10000,
    pfe_fug_probus5,
    pfe_spellman_xrv,
    pfe_tdk_genesys,
)
from stationd.driver import Driver

_DRIVERS: tuple[Driver, ...] = (
    amp_amonics_aedfa.DRIVER,
    amp_edfa68.DRIVER,
    amp_fiberlabs.DRIVER,
    amp_keopsys_cefa.DRIVER,
    pfe_ea_ps10000.DRIVER,
    pfe_fug_probus5.DRIVER,
    pfe_spellman_xrv.DRIVER,
    pfe_tdk_genesys.DRIVER,
    io_modbus.DRIVER,
)

CATALOG: Mapping[str, Driver] = MappingProxyType({driver.model: driver for driver in _DRIVERS})
