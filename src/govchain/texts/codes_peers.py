"""Sentences of the codes that nodes meet with each other.

Each is (Chinese, English); see :mod:`govchain.texts.codes`.
"""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "PEER_UNKNOWN": (
        "有节点以不属于任何成员的证书连接[[：{reason}]]，已拒绝。若它是新成员，请确认其成员文件已被接受。",
        (
            "A node with a certificate of no member tried to connect[[: {reason}]] and was refused. If it is a new "
            "member's, see that its member record was accepted."
        ),
    ),
    "PEER_PROTOCOL": (
        "另一节点发来的内容不符合节点间协议[[：{reason}]]，连接已断开。请核对双方的软件版本。",
        (
            "What another node sent breaks the protocol between nodes[[: {reason}]]; the connection was ended. "
            "Compare the versions of both programs."
        ),
    ),
    "MEMBER_RECORD_INVALID": (
        "成员文件不成立[[：{reason}]]。请由该机构重新运行 govchain node keys 生成后再发送。",
        (
            "The member record does not hold[[: {reason}]]. Have the organisation make it again with govchain node "
            "keys and send that."
        ),
    ),
}
