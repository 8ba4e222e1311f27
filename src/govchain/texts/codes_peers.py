"""Sentences of the codes that nodes meet with each other.

Each is (Chinese, English); see :mod:`govchain.texts.codes`.
"""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "MEMBER_RECORD_INVALID": (
        "成员文件不成立[[：{reason}]]。请由该机构重新运行 govchain node keys 生成后再发送。",
        (
            "The member record does not hold[[: {reason}]]. Have the organisation make it again with govchain node "
            "keys and send that."
        ),
    ),
}
