"""Sentences of the codes of operations, backups above all; (Chinese, English), see :mod:`govchain.texts.codes`."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "MACHINE_TOO_SMALL": (
        "本机的资源少于要求[[：{reason}]]。请增加资源，或调整所要求的下限。",
        "The machine has less than is required[[: {reason}]]. Give it more, or require less.",
    ),
    "BACKUP_RUNNING": (
        "已有一次备份正在进行。请等它结束后再试（govchain backup list）。",
        "A backup is being made already. Wait until it is done (govchain backup list), then try again.",
    ),
    "BACKUP_INCOMPLETE": (
        "备份不完整[[：{path}]][[，{reason}]]。请勿使用，改用另一份备份。",
        "The backup is not complete[[: {path}]][[: {reason}]]. Do not use it; take another one.",
    ),
    "BACKUP_ALTERED": (
        "备份中的文件与清单不符[[：{path}]][[，{reason}]]。请勿使用，改用另一份备份，并查明谁改动了它。",
        (
            "A file of the backup is not what its manifest says[[: {path}]][[: {reason}]]. Do not use it; take another "
            "one, and find out who changed it."
        ),
    ),
    "BACKUP_MANIFEST": (
        "备份清单无效[[：{path}]][[，{reason}]]。请勿使用，改用另一份备份。",
        "The backup's manifest is malformed[[: {path}]][[: {reason}]]. Do not use it; take another one.",
    ),
    "BACKUP_NEWER": (
        "备份由更新版本的程序生成[[（{version}）]]。请用该版本的程序恢复。",
        "A newer version of the program made the backup[[ ({version})]]. Restore it with that version.",
    ),
    "BACKUP_FOREIGN": (
        "备份属于另一条链[[：{path}]][[，{reason}]]。请核对创世文件的指纹，改用本链的备份。",
        (
            "The backup is another chain's[[: {path}]][[: {reason}]]. Compare the fingerprint of genesis, and take a "
            "backup of this chain."
        ),
    ),
    "BACKUP_LINK": (
        "备份中有符号链接或特殊文件[[：{path}]]。备份只含普通文件；请勿使用，改用另一份备份。",
        (
            "There is a link or a special file in the backup[[: {path}]]. A backup has regular files only; do not use "
            "it, and take another one."
        ),
    ),
    "BACKUP_DIFFERS": (
        "重新执行备份中的区块，得到的结果与备份所载不同[[：{path}]][[，{reason}]]。请勿使用，改用另一份备份。",
        (
            "Executed again, the backup's blocks do not give what the backup says[[: {path}]][[: {reason}]]. Do not "
            "use it; take another one."
        ),
    ),
}
