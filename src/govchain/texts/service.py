"""Sentences of the HTTP side: statuses in words, and what the API's description says."""

from __future__ import annotations

__all__ = ["SENTENCES"]

_PAIRS: dict[str, tuple[str, str]] = {
    "status.400": ("请求有误", "Bad request"),
    "status.401": ("需要登录", "Not logged in"),
    "status.403": ("没有权限", "Not permitted"),
    "status.404": ("没有找到", "Not found"),
    "status.405": ("不接受此方法", "Method not allowed"),
    "status.406": ("无法按要求的形式应答", "Not acceptable"),
    "status.408": ("请求超时", "Request too slow"),
    "status.409": ("已有相同内容", "Already there"),
    "status.413": ("请求过大", "Too large"),
    "status.415": ("不接受此内容类型", "Content type not taken"),
    "status.422": ("已拒绝", "Refused"),
    "status.429": ("请求过于频繁", "Too many requests"),
    "status.431": ("请求头过大", "Headers too large"),
    "status.500": ("内部错误", "Internal error"),
    "status.503": ("暂时不可用", "Unavailable"),
    "status.504": ("超过时限", "Out of time"),
    "api.description": (
        "一个节点的接口。证明用的字节一律为小写十六进制，由客户端自行核验。",
        (
            "The interface of one node. Bytes that are proofs are lower-case hex and are never re-encoded: a client "
            "checks them itself. Errors are problem documents with a stable code."
        ),
    ),
    "api.session": (
        "以账户密钥签署登录质询取得的令牌（POST /v1/sessions）。",
        "The token that POST /v1/sessions gives for a challenge signed with an account's key.",
    ),
    "help.up": ("启动节点及其 HTTP 接口，收到信号后停止", "Run a node with its HTTP interface until a signal ends it"),
    "option.up_directory": ("数据目录；缺省为当前目录所在的链", "data directory; default: the one we are in"),
    "option.up_config": (
        "设置文件（TOML）；缺省为数据目录中的 node.toml",
        "settings file (TOML); default: node.toml in the data directory",
    ),
    "up.listening": ("正在监听 {url}", "listening on {url}"),
    "up.ended": ("节点已停止", "the node has ended"),
}

#: ``area.name`` to its sentence in each language.
SENTENCES: dict[str, dict[str, str]] = {
    key: {"zh": chinese, "en": english} for key, (chinese, english) in _PAIRS.items()
}
