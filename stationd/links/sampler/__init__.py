"""The optical sampler: light of all fibre pairs through the C loop of native/sampler.h.

    settings   what is configured, and the numbers of the C loop that follow from it
    native     one loop in C behind Python names; the only module that imports the extension
    readings   windows and events of the loop as readings and light events
    optical    the task that keeps a loop running and hands on what it finds
"""

from stationd.links.sampler.optical import OpticalSampler
from stationd.links.sampler.readings import SamplerStatistics
from stationd.links.sampler.settings import ChannelSettings, RawCapture, SamplerSettings, SourceSettings

__all__ = ["ChannelSettings", "OpticalSampler", "RawCapture", "SamplerSettings", "SamplerStatistics", "SourceSettings"]
