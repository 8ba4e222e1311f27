"""Sentences of the codes of networks: the genesis ceremony, and networks on one machine.

Each is (Chinese, English); see :mod:`govchain.texts.codes`.
"""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "CEREMONY_REFUSED": (
        "创世文件与成员文件不相符[[：{reason}]]。未写入任何内容；请与有关成员核对后重试。",
        (
            "The genesis and the members' files do not go together[[: {reason}]]. Nothing was written; settle it with "
            "the members concerned and try again."
        ),
    ),
    "GENESIS_SIGNATURE": (
        "并非每个成员都已签署该创世文件[[；尚缺：{missing}]][[；不成立：{reason}]]。请向其索取签名，齐全之前不要启动节点。",
        (
            "Not every member has signed this genesis[[; missing: {missing}]][[; not valid: {reason}]]. Ask them for "
            "their signatures, and start no node before all are there."
        ),
    ),
    "NETWORK_MISSING": (
        "该文件夹中没有可用的网络[[：{path}]][[（{reason}）]]。请先执行 govchain net create。",
        "There is no usable network in the folder[[ {path}]][[ ({reason})]]. Make one with govchain net create.",
    ),
    "NETWORK_NODE": (
        "节点未能正常运行[[：{name}]][[（{reason}）]]。请查看 govchain net logs。",
        "A node does not run as it should[[: {name}]][[ ({reason})]]. See govchain net logs.",
    ),
}
