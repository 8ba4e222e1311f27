"""Reasons of archives and pruning; the English text and its Chinese (see ``reasons``)."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: English reason to the Chinese one; the more exact before the wider.
PAIRS: dict[str, str] = {
    "retain needs archive_to": "给出 retain 时须给出 archive_to",
    "archive_to lies inside the data directory": "archive_to 在数据目录之内",
    "no block has a certificate yet": "还没有区块获得证书",
    "blocks {first} to {last} missing": "缺少区块 {first} 至 {last}",
    "blocks {first} to {last} twice": "区块 {first} 至 {last} 重复",
    "digest of blocks {first} to {last}": "区块 {first} 至 {last} 的摘要不符",
    "another block's header": "区块头属于另一区块",
    "does not continue the block before": "与前一区块不相连",
    "number of transactions": "交易数不符",
    "transactions": "交易不符",
    "receipts": "回执不符",
    "no certificate": "没有证书",
    "malformed envelope": "交易封装格式无效",
    "not the trusted block": "不是受信任的区块",
    "not the block of this node": "不是本节点的区块",
    "replaced meanwhile": "其间被替换",
    "nothing vouches for it": "没有可为其担保者",
    "shorter than it says": "短于其所称长度",
    "not an archive": "不是归档文件",
    "manifest: {reason}": "清单：{reason}",
    "{place} among the mounted archives": "已挂载的归档中没有 {place}",
}
