"""The names of the interfaces on the control socket, as the client calls them."""

from __future__ import annotations

STATUS, ALARM, DIAGNOSTICS = "io.stationd.Status", "io.stationd.Alarm", "io.stationd.Diagnostics"
OPERATION, SETPOINT, AUDIT, SESSION = "io.stationd.Operation", "io.stationd.Setpoint", "io.stationd.Audit", "io.stationd.Session"
