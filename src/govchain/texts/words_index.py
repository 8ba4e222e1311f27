"""Words of the commands of the index: help, labels, messages."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its words, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "help.index": ("查询库：检索与统计所用的数据库", "The index: the database that searches and counts are made from"),
    "help.index.status": ("显示查询库落后账本多少", "How far the index is behind the ledger"),
    "help.index.rebuild": ("从第一个区块起重建查询库", "Make the index anew from the first block"),
    "help.index.check": (
        "将查询库逐行与账本核对，不作改动",
        "Compare every row of the index with the ledger, changing nothing",
    ),
    "option.index_url": (
        "数据库地址，如 postgresql://用户@主机/库名；默认按节点设置",
        "The database, such as postgresql://USER@HOST/NAME; by default that of the node's settings",
    ),
    "progress.indexing": ("正在写入查询库", "Writing the index"),
    "progress.comparing": ("正在与账本核对", "Comparing with the ledger"),
    "label.content": ("内容摘要", "content"),
    "label.database": ("数据库", "database"),
    "label.indexed_height": ("查询库高度", "indexed height"),
    "label.lag": ("落后区块数", "blocks behind"),
    "label.rows": ("行数", "rows"),
    "label.table": ("表", "table"),
    "index.rebuilt": (
        "查询库已重建至区块 {height}，共 {transactions} 笔交易。",
        "The index is made anew up to block {height}, with {transactions} transactions.",
    ),
    "index.agrees": (
        "至区块 {height} 的每一行均与账本一致。",
        "Every row up to block {height} agrees with the ledger.",
    ),
    "index.behind": (
        "账本已到区块 {height}，其后的区块尚未写入查询库；运行中的节点会自行补齐。",
        "The ledger is at block {height}; a running node writes the missing blocks by itself.",
    ),
}
