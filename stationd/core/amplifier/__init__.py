"""Switching and setting optical amplifiers: supervision of their own protection, which is never defeated from here."""

from stationd.core.amplifier.executor import AmplifierExecutor, amplifier_executor, restored
from stationd.core.amplifier.guard import Guard, Guarded, protecting, watch

__all__ = ["AmplifierExecutor", "Guard", "Guarded", "amplifier_executor", "protecting", "restored", "watch"]
