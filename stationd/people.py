"""The people of a station: the control socket, who may come in, and the doors behind it. Connects, and decides nothing."""

from __future__ import annotations
