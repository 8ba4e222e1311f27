"""Evidence (数据存证): anchor items alone or in batches; supplement, supersede and withdraw without deleting."""

from govchain.modules.evidence.rules import MODULE

__all__ = ["MODULE"]
