"""stationd: the controller daemon of submarine-cable landing stations."""

__version__ = "0.1.0"
