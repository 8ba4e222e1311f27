"""Sentences of the codes that a node answers requests with, and of those that a client meets on the way to one.

Each is (Chinese, English); see :mod:`govchain.texts.codes`.
"""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "PROTOCOL_UNKNOWN": (
        "接口协议版本[[ {version} ]]不受支持[[，本端支持 {supported}]]。请升级程序，或去掉 GovChain-Protocol 请求头。",
        (
            "The protocol version[[ {version}]] is not supported[[; this side has {supported}]]. Upgrade the program, "
            "or leave out the GovChain-Protocol header."
        ),
    ),
    "ROUTE_UNKNOWN": (
        "没有这个接口地址[[：{path}]]。请对照接口文档核对路径。",
        "There is no such route[[: {path}]]. Compare the path with the API's description.",
    ),
    "METHOD_NOT_ALLOWED": (
        "该地址不接受此请求方法[[：{method}]][[；可用：{allowed}]]。请对照接口文档改正。",
        (
            "The route does not take this method[[: {method}]][[; it takes {allowed}]]. Compare the call with the "
            "API's description."
        ),
    ),
    "RATE_LIMITED": (
        "请求过于频繁[[，请在 {retry_after_ms} 毫秒后重试]]。可改用批量提交或订阅。",
        "Too many requests[[; try again after {retry_after_ms} ms]]. Submit in batches, or subscribe.",
    ),
    "SESSION_REQUIRED": (
        "该查询需要登录。请先用账户密钥取得会话（govchain login）。",
        "This needs a session. Log in with an account's key first (govchain login).",
    ),
    "SESSION_INVALID": (
        "会话无效、已到期或已结束[[：{reason}]]。请重新登录。",
        "The session is unknown, over or ended[[: {reason}]]. Log in again.",
    ),
    "CHALLENGE_INVALID": (
        "登录质询不成立[[：{reason}]]。请重新取得质询并签名，每个质询只能使用一次，一分钟内有效。",
        (
            "The challenge does not hold[[: {reason}]]. Ask for another and sign that; each is good once, "
            "and for a minute."
        ),
    ),
    "REQUEST_TOO_LARGE": (
        "请求过大[[，上限 {size_max} 字节]]。请分成多次提交。",
        "The request is too large[[; the limit is {size_max} bytes]]. Send it in parts.",
    ),
    "CONTENT_TYPE": (
        "不接受此内容类型[[：{given}]][[；可用：{allowed}]]。请改正 Content-Type 请求头。",
        "The content type is not taken[[: {given}]][[; it may be {allowed}]]. Correct the Content-Type header.",
    ),
    "NOT_ACCEPTABLE": (
        "无法以所要求的形式应答[[：{given}]][[；可用：{allowed}]]。请改正 Accept 请求头。",
        (
            "The answer cannot be given in the form asked for[[: {given}]][[; it may be {allowed}]]. Correct the "
            "Accept header."
        ),
    ),
    "REQUEST_SHAPE": (
        "请求不符合格式[[（{where}）]][[：{reason}]]。请对照接口文档改正。",
        "The request does not have the right form[[ ({where})]][[: {reason}]]. Compare it with the API's description.",
    ),
    "CURSOR_INVALID": (
        "翻页标记无效或属于另一次查询[[：{reason}]]。请不带标记从头查询。",
        "The cursor is unknown here or belongs to another query[[: {reason}]]. Begin again without one.",
    ),
    "SERVICE_OFF": (
        "本节点未开放此项服务[[：{service}]]。请向运维人员确认，或改用其他节点。",
        "This node does not offer the service[[: {service}]]. Ask its operator, or use another node.",
    ),
    "STREAMS_TOO_MANY": (
        "同时打开的事件订阅过多[[，上限 {count_max} 个]]。请关闭不用的订阅，或稍后重试。",
        (
            "Too many event streams are open at once[[; the limit is {count_max}]]. Close those that are not needed, "
            "or try again later."
        ),
    ),
    "WEBHOOK_TARGET": (
        "本节点不向该推送地址发送[[：{reason}]]。请使用公网 https 地址，或请运维人员在设置中允许该网段。",
        (
            "This node does not send to that webhook target[[: {reason}]]. Use a public https address, or ask the "
            "operator to allow the network in the settings."
        ),
    ),
    "WEBHOOKS_TOO_MANY": (
        "推送登记已达上限[[（{count_max} 个）]]。请先删除不用的登记。",
        "There are as many webhooks as are allowed[[ ({count_max})]]. Remove those that are not needed first.",
    ),
    "INDEX_UNAVAILABLE": (
        "查询库暂不可用[[：{reason}]]。账本不受影响；数据库恢复后查询库会自行补齐。",
        (
            "The index cannot be used now[[: {reason}]]. The ledger goes on without it; once the database is back, "
            "the index catches up by itself."
        ),
    ),
    "INDEX_FOREIGN": (
        (
            "该数据库中的查询库不属于本链、本版本或本账本的历史[[（{url}）]][[：{reason}]]。"
            "请核对 index_url，或运行 govchain index rebuild。"
        ),
        (
            "The index in the database[[ {url}]] is not of this chain, these tables or this ledger's history"
            "[[: {reason}]]. Check index_url, or make it anew with govchain index rebuild."
        ),
    ),
    "INDEX_DIFFERS": (
        "查询库与账本不一致[[：表 {table}]][[，行 {key}]][[：{reason}]]。账本为准；请运行 govchain index rebuild。",
        (
            "The index differs from the ledger[[: table {table}]][[, row {key}]][[: {reason}]]. The ledger is right; "
            "make the index anew with govchain index rebuild."
        ),
    ),
    "REQUEST_SLOW": (
        "请求正文没有在规定时间内到齐[[（{limit_ms} 毫秒）]]。请检查网络后重试。",
        "The request's body did not come in the time allowed[[ ({limit_ms} ms)]]. Check the network and try again.",
    ),
    "TIME_LIMIT": (
        "请求没有在规定时间内处理完[[（{limit_ms} 毫秒）]]。请缩小查询范围，或稍后重试。",
        "The request was not finished in the time allowed[[ ({limit_ms} ms)]]. Ask for less, or try again later.",
    ),
    "RESOURCE_FILES": (
        (
            "可打开的文件数不足[[：现有 {found} 个]][[，按设置需要 {wanted} 个]]。"
            "请提高 LimitNOFILE，或调低 connections_max。"
        ),
        (
            "Too few files may be open[[: {found}]][[; the settings need {wanted}]]. Raise LimitNOFILE, or lower "
            "connections_max."
        ),
    ),
    "RESOURCE_MEMORY": (
        "可用内存不足[[：现有 {found_mib} MiB]][[，应有 {wanted_mib} MiB]]。请增加内存，或停止其他程序。",
        "Too little memory is free[[: {found_mib} MiB]][[; {wanted_mib} MiB are wanted]]. Add memory, or stop others.",
    ),
    "RESOURCE_DISK": (
        "数据目录所在磁盘的剩余空间不足[[：现有 {found_mib} MiB]][[，应有 {wanted_mib} MiB]]。请清理或扩容。",
        (
            "Too little disk is free where the data lie[[: {found_mib} MiB]][[; {wanted_mib} MiB are wanted]]. Make "
            "room."
        ),
    ),
    "CLOCK_DRIFT": (
        "本机时钟与时间服务器相差过大[[：{offset_ms} 毫秒]][[，上限 {limit_ms} 毫秒]]。请检查本机的对时服务。",
        (
            "This clock is off from the time servers[[ by {offset_ms} ms]][[; the limit is {limit_ms} ms]]. Look at "
            "the machine's time service."
        ),
    ),
    "LISTEN_FAILED": (
        "无法监听[[ {address}]][[：{reason}]]。请换一个地址或端口，或停止占用它的程序。",
        "Cannot listen[[ on {address}]][[: {reason}]]. Choose another address or port, or stop what uses it.",
    ),
    "TLS_UNUSABLE": (
        "TLS 证书或私钥无法使用[[：{reason}]]。请检查 tls_certificate 和 tls_key 所指的文件。",
        "The TLS certificate or key cannot be used[[: {reason}]]. Check the files of tls_certificate and tls_key.",
    ),
    "NODE_UNREACHABLE": (
        "无法连接节点[[ {url}]][[：{reason}]]。请检查地址、网络和证书后重试。",
        "The node cannot be reached[[ at {url}]][[: {reason}]]. Check the address, the network and the certificate.",
    ),
    "ANSWER_UNUSABLE": (
        "节点的应答无法使用[[：{reason}]]。请核对地址是否为政链节点，或改用其他节点。",
        (
            "The node's answer cannot be used[[: {reason}]]. Check that the address is a GovChain node's, "
            "or use another node."
        ),
    ),
    "HEAD_FORKED": (
        "节点出示的区块与先前见过的不属于同一条链史[[：{reason}]]。请勿采信，保存两份证据并联系监管方。",
        (
            "The node shows a block that contradicts one that was seen before[[: {reason}]]. Rely on neither, keep "
            "both, and tell the supervisor."
        ),
    ),
    "HEAD_STALE": (
        "节点落后于先前见过的区块[[：{reason}]]。请稍后重试，或改用其他节点。",
        "The node is behind what was seen before[[: {reason}]]. Try again later, or use another node.",
    ),
}
