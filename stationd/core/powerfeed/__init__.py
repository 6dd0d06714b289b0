"""The machine that drives a power feed, inside a running operation only: ramp, hold points, limits, discharge."""

from stationd.core.powerfeed.feed import FeedExecutor, feed_executor, restored

__all__ = ["FeedExecutor", "feed_executor", "restored"]
