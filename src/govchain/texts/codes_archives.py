"""Sentences of the codes of archives and pruned blocks; (Chinese, English), see :mod:`govchain.texts.codes`."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "ARCHIVE_RUNNING": (
        "该文件夹正在进行另一次归档或裁剪。请等它结束后再试。",
        "Archives are being made or used for pruning in this folder already. Wait until that is done, then try again.",
    ),
    "ARCHIVE_INVALID": (
        "归档文件不完整或格式无效[[：{path}]][[，{reason}]]。请勿使用，改用该文件的另一份副本。",
        "The archive file is not complete or malformed[[: {path}]][[: {reason}]]. Do not use it; take another copy.",
    ),
    "ARCHIVE_ALTERED": (
        "归档区块与其摘要、链接或证书不符[[：{path}]][[，区块 {height}]][[，{reason}]]。请勿使用，查明谁改动了它。",
        (
            "A block of the archive is not what its digests, links or certificates say[[: {path}]][[, block {height}]]"
            "[[: {reason}]]. Do not use it, and find out who changed it."
        ),
    ),
    "ARCHIVE_GAP": (
        "归档不相连[[：{path}]][[，{reason}]]。请补齐缺少的文件，或移走多余的文件。",
        (
            "The archives do not link up[[: {path}]][[: {reason}]]. Bring the missing files, "
            "or move away those that are too many."
        ),
    ),
    "ARCHIVE_FOREIGN": (
        "归档属于另一条链[[：{path}]][[，{reason}]]。请核对创世文件的指纹，每条链使用各自的文件夹。",
        (
            "The archive is another chain's[[: {path}]][[: {reason}]]. Compare the fingerprint of genesis, and keep a "
            "folder for each chain."
        ),
    ),
    "ARCHIVE_NEWER": (
        "归档由更新版本的程序生成[[：{path}]][[（{version}）]]。请用该版本的程序读取。",
        "A newer version of the program made the archive[[: {path}]][[ ({version})]]. Read it with that version.",
    ),
    "BLOCK_ARCHIVED": (
        "区块[[ {height} ]]的内容已归档，不在本节点上[[；归档文件：{path}]]。请用 govchain archive mount 挂载后再试。",
        (
            "The contents of the block[[ ({height})]] were archived and are not at this node any more[[; they are in "
            "{path}]]. Mount that with govchain archive mount, then try again."
        ),
    ),
}
