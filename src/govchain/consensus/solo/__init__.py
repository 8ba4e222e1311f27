"""The solo engine: one process, one member, the embedded default."""

from govchain.consensus.solo.engine import SoloEngine

__all__ = ["SoloEngine"]
