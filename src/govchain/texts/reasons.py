"""Why something was refused, in Chinese: the English reasons that rooms put into an error's ``reason``.

Purpose: a room names its reason in English, where it knows it; a reader of Chinese gets it from here, whichever way the
error came (also through HTTP). The key is the English text itself, ``{name}`` standing for what changes.
Rules: what is not here is shown as it is; what a user typed is never translated. Not here: result codes (``codes*``).
"""

from __future__ import annotations

import re
from functools import cache

from govchain.texts import reasons_archives, reasons_networks, reasons_service

__all__ = ["PAIRS", "phrase"]

#: Placeholders that stand for numbers, so that nothing else is taken for such a reason.
_NUMBERS = frozenset(
    {"chunk", "count", "digits", "epoch", "head", "height", "index", "least", "members", "most", "needed"}
    | {"seen", "top"}
)

#: English reason to the Chinese one; the more exact before the wider.
PAIRS: dict[str, str] = {
    **reasons_archives.PAIRS,
    **reasons_networks.PAIRS,
    **reasons_service.PAIRS,
    # What the system says of files (os.strerror)
    "No such file or directory": "没有该文件或目录",
    "Permission denied": "权限不足",
    "Operation not permitted": "不允许该操作",
    "Is a directory": "是目录",
    "Not a directory": "不是目录",
    "Too many levels of symbolic links": "符号链接层数过多",
    "File name too long": "文件名过长",
    "No space left on device": "设备上没有空间",
    "Disk quota exceeded": "超出磁盘配额",
    "Read-only file system": "文件系统只读",
    "Input/output error": "输入输出错误",
    "Too many open files": "打开的文件过多",
    "File exists": "文件已存在",
    "Invalid argument": "参数无效",
    "No such device or address": "没有该设备或地址",
    "Connection refused": "连接被拒绝",
    "Connection reset by peer": "连接被对方重置",
    "EACCES: {reason}": "{reason}",
    "ENOENT: {reason}": "{reason}",
    "EIO: {reason}": "{reason}",
    "ENAMETOOLONG: {reason}": "{reason}",
    "ENOTDIR: {reason}": "{reason}",
    "ELOOP: {reason}": "{reason}",
    "EPERM: {reason}": "{reason}",
    "[Errno {digits}] {reason}": "{reason}（{digits}）",
    "embedded null byte": "含有空字节",
    # What the command line says of a call
    "Invalid value for {name}: {value} is not in the range {range}.": "{name} 的值 {value} 不在范围 {range} 内",
    "Invalid value for {name}: {value} is not a valid int range.": "{name} 的值 {value} 不是整数",
    "Invalid value for {name}: {value} is not a valid integer.": "{name} 的值 {value} 不是整数",
    "Invalid value for {name}: {value} is not a valid int.": "{name} 的值 {value} 不是整数",
    "Invalid value for {name}: {value} is not a valid float.": "{name} 的值 {value} 不是数",
    "Invalid value for {name}: {value} is not one of {known}.": "{name} 的值 {value} 未知，可用：{known}",
    "Invalid value for {name}: {reason}": "{name} 的值无效：{reason}",
    "Got unexpected extra argument ({words})": "多余的参数：{words}",
    "Got unexpected extra argument(s) ({words})": "多余的参数：{words}",
    "Got unexpected extra arguments ({words})": "多余的参数：{words}",
    "Option {name} requires an argument.": "选项 {name} 缺少值",
    "Option {name} requires {count} arguments.": "选项 {name} 需要 {count} 个值",
    "Option {name} does not take a value.": "选项 {name} 不接受值",
    # What the decoder says of a structure
    "Object missing required field {name} - at {place}": "{place} 缺少字段 {name}",
    "Object missing required field {name}": "缺少字段 {name}",
    "Object contains unknown field {name} - at {place}": "{place} 有未知字段 {name}",
    "Object contains unknown field {name}": "有未知字段 {name}",
    "Expected {wanted}, got {given} - at {place}": "{place} 应为 {wanted}，而不是 {given}",
    "Expected {wanted}, got {given}": "应为 {wanted}，而不是 {given}",
    "Expected {wanted} - at {place}": "{place} 应为 {wanted}",
    "Expected {wanted}": "应为 {wanted}",
    "Invalid value {value} - at {place}": "{place} 的值 {value} 无效",
    "Invalid value {value}": "值 {value} 无效",
    "Invalid enum value {value} - at {place}": "{place} 的值 {value} 不在可用值之中",
    # Calls
    "a search needs at least one criterion": "查找至少需要一个条件",
    "limit 1 to {most}": "条数为 1 至 {most}",
    "the reference is not UTF-8": "业务编号不是 UTF-8",
    "{digits} lower-case hex digits, not {given}": "应为 {digits} 位小写十六进制，而不是 {given}",
    "{digits} hex digits, not {given}": "应为 {digits} 位十六进制，而不是 {given}",
    "chain id {id}: length": "链标识 {id}：长度须为 3 至 32",
    "chain id {id}: characters": "链标识 {id}：只能用小写字母、数字和连字符",
    "organisation code {code}: length": "统一社会信用代码 {code}：须为 18 位",
    "organisation code {code}: characters": "统一社会信用代码 {code}：有不可用的字符",
    "organisation code {code}: region": "统一社会信用代码 {code}：第 3 至 8 位须为数字",
    "organisation code {code}: check digit {digit}": "统一社会信用代码 {code}：校验码应为 {digit}",
    "chain id {id}: {reason}": "链标识 {id}：{reason}",
    "organisation code {code}: {reason}": "统一社会信用代码 {code}：{reason}",
    "suite {name}": "密码套件 {name} 未知，可用 gm 或 international",
    "a batch has 1 to {most} files, not {count}": "批次须有 1 至 {most} 个文件，而不是 {count} 个",
    "a batch needs a member": "批次至少需要一个文件",
    "member {index} of {count}": "共 {count} 项中的第 {index} 项",
    "leaf {index} of {count}": "共 {count} 项中的第 {index} 项",
    "this needs a signer": "需要签名密钥",
    "this needs the submitter's directory": "需要提交者本地目录",
    "a transaction needs a signer": "交易需要签名者",
    "data: at most {most} bytes": "附加数据至多 {most} 字节",
    "memo kind {kind}: text, id or hash": "备注类型 {kind} 未知，可用 text、id 或 hash",
    "memo of kind {kind}: at most {most} characters": "{kind} 类备注至多 {most} 个字符",
    "memo of kind hash: 64 lower-case hex digits": "hash 类备注须为 64 位小写十六进制",
    "fields that may be disclosed: {known}": "可揭示的字段：{known}",
    "anchors lie between block 1 and block {head}, not at {given}": "锚定区块须在 1 至 {head} 之间，而不是 {given}",
    "{id} is neither a record's id nor ID.N": "{id} 不是存证标识（64 位十六进制，或 标识.序号）",
    "{count} ids begin with {id}; write more of it": "有 {count} 个标识以 {id} 开头，请写得更长",
    "{path} is no file, digest or id": "{path} 不是文件、摘要或标识",
    "{label} is neither an account's address nor its name": "{label} 既不是账户地址也不是账户名称",
    "{count} accounts are named {label}: {addresses}": "有 {count} 个账户名为 {label}：{addresses}，请给出地址",
    "a fingerprint, or at least its first {digits} digits": "请给出指纹，或至少其前 {digits} 位",
    "{count} fingerprints begin with {name}": "有 {count} 个指纹以 {name} 开头",
    "entry point {name} is no family of rules": "入口 {name} 不是规则模块",
    "two installed families are named {name}": "有两个已安装的模块名为 {name}",
    "{folder} holds {count} files; the demonstration wants {least}": (
        "{folder} 有 {count} 个文件；演示至少需要 {least} 个"
    ),
    "PBKDF2 iterations are {least} to {most}": "PBKDF2 迭代次数为 {least} 至 {most}",
    "a key file's salt has 8 to 64 bytes": "密钥文件的盐为 8 至 64 字节",
    "this signing key has been closed": "该签名密钥已关闭",
    "a signing key cannot be copied or pickled": "签名密钥不可复制或序列化",
    "an SM2 signer ID has at most {most} bytes": "SM2 签名者标识至多 {most} 字节",
    "SM2 encrypts 1 to {most} bytes, not {count}": "SM2 加密 1 至 {most} 字节，而不是 {count}",
    "{what} of {count} bytes; it needs {lengths}": "{what} 为 {count} 字节；应为 {lengths}",
    "a commitment's salt has {wanted} bytes, not {given}": "承诺的盐为 {wanted} 字节，而不是 {given}",
    "quorum rule {rule} of {members}": "{members} 个成员的签名规则 {rule}",
    # Keys
    "not a regular file": "不是普通文件",
    "PEM": "PEM 格式",
    "this kind comes with a later release; use file:PATH": "此类密钥将在以后的版本支持；请用 file:路径",
    "a key is named as scheme:place": "密钥写作 方式:位置",
    "a key URI names no host; write file:/absolute/path": "密钥地址不含主机；请写 file:/绝对路径",
    "known: {known}": "可用：{known}",
    "it does not open with this key": "用该密钥无法解开",
    "shorter than its tag": "短于其校验标签",
    "the tag does not hold": "校验标签不成立",
    "no point of the curve at its start, or cut off": "开头不是曲线上的点，或被截断",
    "no point of the curve, or too long": "不是曲线上的点，或过长",
    "more than {most} bytes of plaintext": "明文超过 {most} 字节",
    # Files and evidence
    "nothing to anchor": "没有可存证的内容",
    "no file to anchor": "没有可存证的文件",
    "order of commitments": "承诺的次序",
    "media_type": "媒体类型",
    "name": "名称",
    "name is public and committed": "名称既公开又有承诺",
    "one digest without the other": "只有一种摘要",
    "content is either public or committed": "内容须公开或有承诺，二者取一",
    "{id} made no evidence record": "{id} 没有产生存证",
    "{id} is not in this directory's catalogue": "{id} 不在本地目录的清单中",
    "no salt for {field} of {id} in this directory's catalogue": "本地目录的清单中没有 {id} 的 {field} 的盐",
    "{id} is not a leaf of the anchored batch": "{id} 不是已存证批次中的一项",
    "{id} is not what was anchored": "{id} 与已存证的内容不符",
    "{id} does not meet the query": "{id} 不符合查找条件",
    "{id} is not about {record}": "{id} 与 {record} 无关",
    # The chain as a node shows it
    "block {height}: transaction root": "第 {height} 区块的交易根",
    "block {height} is not in the history of block {top}": "第 {height} 区块不在第 {top} 区块的历史之中",
    "block {height}": "第 {height} 区块",
    "the node shows block {height}, block {seen} was seen before": "节点出示第 {height} 区块，而此前曾见第 {seen} 区块",
    "not block {height} of {chain}": "不是 {chain} 的第 {height} 区块",
    "block 1 does not continue the genesis": "第 1 区块不接续该创世文件",
    "two blocks {height}": "有两个第 {height} 区块",
    "no finality certificate for block {height} yet": "第 {height} 区块还没有终局凭证",
    "epoch {epoch} without a change": "纪元 {epoch} 没有变更",
    "epoch {epoch}, not {wanted}": "纪元为 {epoch}，应为 {wanted}",
    "not the signer set in force": "不是当时有效的签名集",
    "a receipt for another transaction": "回执属于另一笔交易",
    "a receipt without a transaction": "有回执而没有交易",
    "another receipt than the block's": "回执与区块中的不同",
    "another transaction": "另一笔交易",
    "another body": "内容不同",
    "{count} of {needed}": "{count} 个，应有 {needed} 个",
    "history of {height} in {head}": "第 {height} 区块在第 {head} 区块历史中的位置",
    # Packages
    "missing": "缺失",
    "not in the manifest": "不在清单中",
    "not needed": "多余",
    "not the manifest's": "不是清单所指的",
    "name of a member": "文件名",
    "another chain": "另一条链",
    "another height": "另一高度",
    "another pair of blocks": "另一对区块",
    "another leaf": "另一项",
    "not this genesis": "不是该创世文件",
    "not a transaction that makes a record": "不是产生存证的交易",
    "not a batch": "不是批次",
    "no item": "没有条目",
    "no item of this size and these digests": "没有该大小和摘要的条目",
    "code {digits}": "结果码 {digits}",
    "receipt root": "回执根",
    "hex digits or memo": "十六进制或备注",
    "payload": "业务内容",
    "root": "根",
    "time": "时间",
    "previous": "前一区块",
    "a field is missing": "缺少字段",
    "number of members": "文件数",
    "size": "大小",
    "end record": "结尾记录",
    "central directory": "中央目录",
    "member twice": "同一文件出现两次",
    "member outside the file": "文件超出容器",
    "not the canonical encoding of its members": "不是其内容的规范编码",
    "order of claims": "声明的次序",
    "one transaction at two heights": "同一交易在两个高度",
    "status height": "状态的高度",
    "certificate without header": "有凭证而无区块头",
    "chain": "链标识",
    "algorithms": "算法",
    "organisations": "机构",
    "order of members": "成员的次序",
    "member key": "成员密钥",
    "member organisation": "成员机构",
    "account key": "账户密钥",
    "account organisation": "账户机构",
    "account roles": "账户角色",
    "account twice": "账户重复",
    "modules": "模块",
    "limits": "限额",
    # Encodings
    "an element is missing": "缺少元素",
    "the length is missing": "缺少长度",
    "indefinite length": "长度不定",
    "the length is cut off or too long": "长度被截断或过长",
    "length in more octets than needed": "长度编码不是最短",
    "contents are cut off": "内容被截断",
    "bytes after the end": "结尾之后还有字节",
    "integer without octets": "整数为空",
    "negative integer": "负整数",
    "integer with a needless leading zero": "整数有多余的前导零",
    # Reading
    "replaced by another file": "已被另一文件替换",
    "written while it was read": "读取时被写入",
    # Profiles
    "profile name {name}: 1 to 32 of a-z, 0-9, - and _": "配置档名称 {name}：须为 1 至 32 个小写字母、数字、- 或 _",
    "at most {most} profiles": "配置档至多 {most} 个",
    "node {url}: write http://HOST:PORT or https://HOST": "节点 {url}：请写 http://主机:端口 或 https://主机",
    "profile {name}: {key} is one printable line": "配置档 {name}：{key} 须为一行可见文字",
    "profile {name}: language is zh or en, not {given}": "配置档 {name}：语言为 zh 或 en，而不是 {given}",
    "profile {name}: account is an address of {digits} hex digits": "配置档 {name}：账户须为 {digits} 位十六进制地址",
    "{path}: profile {name}: a table of texts": "{path}：配置档 {name} 须为文字表",
    "{path}: profile {name}: unknown names {names}": "{path}：配置档 {name} 有未知的项 {names}",
    "{path}: the file: unknown names {names}": "{path}：文件有未知的项 {names}",
    "{path}: current names no profile: {given}": "{path}：current 所指的配置档不存在：{given}",
    "{path}: current is a name, profiles are tables": "{path}：current 须为名称，profiles 须为表",
    "{path} is no session file; remove it and log in again": "{path} 不是会话文件；请删除后重新登录",
    # Data directories and stores
    "{name} version {count}": "{name} 版本 {count}",
    "no genesis state": "没有创世状态",
    "the store is another chain's": "存储属于另一条链",
    "keys/node.pem is not the member's key that genesis names": "keys/node.pem 不是创世文件所列成员的密钥",
    "rule {rule}, {members} members; the embedded engine takes rule solo and one": (
        "规则 {rule}，{members} 个成员；内嵌引擎只接受 solo 规则和一个成员"
    ),
    "{path} is not what its name says": "{path} 的内容与其名称不符",
    "catalogue": "本地目录清单",
    "tree of {id}": "{id} 的树",
    "checkpoint {height}": "高度 {height} 的检查点",
    "checkpoint root": "检查点的根",
    "checkpoint missing": "检查点缺失",
    "checkpoint token": "检查点续算标记",
    "moving facts": "链头状态",
    "frontier": "历史树前沿",
    "malformed": "格式有误",
    "snapshots": "快照",
    "snapshot {height}, chunk {index}": "高度 {height} 的快照第 {index} 块",
    "snapshot {height}": "高度 {height} 的快照",
    "history node {place}": "历史树节点 {place}",
    "sparse tree node missing": "稀疏树节点缺失",
    "sparse tree below its last bit": "稀疏树深度超限",
    "sparse tree node": "稀疏树节点",
    # Benches and the demonstration
    "{count} batches were not committed": "{count} 个批次未上链",
    "an acknowledged transaction is missing": "一笔已确认的交易缺失",
    "benchmark transaction": "性能测量交易",
    "a valid signature was refused": "有效的签名被拒绝",
    # The index
    "not made yet": "尚未建立",
    "the cursor does not move": "游标没有前进",
    "index_cursor is empty; make the index anew": "index_cursor 表为空，请重建查询库",
    "no index_url": "没有 index_url",
    "index_url is no URL: sqlite:///PATH or postgresql://USER@HOST/NAME": (
        "index_url 不是数据库地址，应为 sqlite:///路径 或 postgresql://用户@主机/库名"
    ),
    "{count} spans at most; take a longer interval": "时段最多 {count} 个，请改用更长的间隔",
    "{count} points at most; take a longer interval or fewer groups": (
        "数据点最多 {count} 个，请改用更长的间隔或减少分组"
    ),
    "minute, hour or day": "应为 minute、hour 或 day",
    "type, organisation or code": "应为 type、organisation 或 code",
    "later than time_from": "应晚于 time_from",
    "a text of 1 to {most} characters": "应为 1 至 {most} 个字符",
    "the search took too long": "检索用时过长",
}


def phrase(text: str, language: str) -> str:
    """``text`` in ``language``, where it is one of our reasons; else as it is."""
    if language != "zh":
        return text
    exact = PAIRS.get(text)
    if exact is not None:
        return exact
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(text)
        if found is not None:
            values = found.groupdict()
            return chinese.format_map({**values, "reason": phrase(values.get("reason", ""), language)})
    return text


def _group(name: str) -> str:
    return f"(?P<{name}>{'[0-9]+' if name in _NUMBERS else '.+?'})"


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """The reasons that name something, as patterns."""
    made = []
    for english, chinese in PAIRS.items():
        if "{" in english:
            parts = re.split(r"\{(\w+)\}", english)
            source = "".join(_group(part) if at % 2 else re.escape(part) for at, part in enumerate(parts))
            made.append((re.compile(source, re.DOTALL), chinese))
    return tuple(made)
