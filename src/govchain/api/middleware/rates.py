"""Token buckets: how many requests a second an address or a session may make, in bounded memory.

Not here: what is counted as one (``gate``), the clock (passed in).
"""

from __future__ import annotations

from collections import OrderedDict

__all__ = ["Buckets"]


class Buckets:
    """One bucket for each key, the least recently used forgotten; a forgotten one is full again.

    Args:
        rate: tokens a second; 0 for no limit.
        burst: tokens of a full bucket.
        keys_max: buckets that are kept.
    """

    __slots__ = ("_buckets", "_burst", "_keys_max", "_rate")

    def __init__(self, rate: int, burst: int, keys_max: int) -> None:
        self._rate = rate
        self._burst = float(max(burst, 1))
        self._keys_max = keys_max
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        """Buckets that are kept."""
        return len(self._buckets)

    def take(self, key: str, now_s: float, amount: int = 1) -> int:
        """Take ``amount`` tokens at ``now_s``; 0 when they were there, else the ms until they will be.

        More than a full bucket holds is taken from a full one, which then owes the rest.
        """
        if not self._rate:
            return 0
        level, last = self._buckets.get(key, (self._burst, now_s))
        level = min(self._burst, level + (now_s - last) * self._rate)
        wanted = min(float(amount), self._burst)
        if level < wanted:
            self._keep(key, level, now_s)
            return max(1, round((wanted - level) / self._rate * 1000))
        self._keep(key, level - amount, now_s)
        return 0

    def _keep(self, key: str, level: float, now_s: float) -> None:
        self._buckets[key] = (level, now_s)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._keys_max:
            self._buckets.popitem(last=False)
