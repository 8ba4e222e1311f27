"""Result codes that check, rules and receipts give: decoding, signers, permission and each family."""

__all__ = ["PAIRS"]

#: Code name to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    # decoding
    "OK": (
        "已接受",
        "accepted",
    ),
    "ENVELOPE_MALFORMED": (
        "交易信封的编码不符合格式：只接受最短的 MessagePack 编码。请用 SDK 重新封装后再提交。",
        "The transaction envelope is not in its one permitted MessagePack encoding. Build it again with the SDK.",
    ),
    "ENVELOPE_VERSION": (
        "不支持的信封版本[[（{version}）]]。请升级客户端或改用版本 1。",
        "The envelope's version is not supported[[ ({version})]]. Upgrade the client, or send version 1.",
    ),
    "ENVELOPE_SIGNATURES": (
        "签名个数与签名者个数不一致，或超过上限。请按签名者顺序逐一签名。",
        (
            "The number of signatures differs from the number of signers, or exceeds the limit. Give one "
            "signature for each signer, in their order."
        ),
    ),
    "BODY_TOO_LARGE": (
        "内容过大[[，上限 {size_max} 字节]]。请缩小内容，或只提交其摘要。",
        "The text is too large[[; the limit is {size_max} bytes]]. Make it smaller, or send a digest instead.",
    ),
    "JSON_NOT_UTF8": (
        "JSON 不是有效的 UTF-8[[（第 {offset} 字节）]]。请改用 UTF-8 编码。",
        "The JSON text is not valid UTF-8[[ (byte {offset})]]. Encode it as UTF-8.",
    ),
    "JSON_BOM": (
        "JSON 以字节顺序标记开头。请去掉该标记。",
        "The JSON text begins with a byte-order mark. Remove it.",
    ),
    "JSON_SYNTAX": (
        "JSON 语法有误[[（第 {offset} 字节）]]。请更正后重试。",
        "The JSON text has a syntax error[[ (byte {offset})]]. Correct it and try again.",
    ),
    "JSON_NOT_OBJECT": (
        "JSON 的最外层不是对象。请写成由花括号包围的对象。",
        "The outermost JSON value is not an object. Wrap it in braces.",
    ),
    "JSON_TRAILING": (
        "JSON 结束后还有多余字节[[（第 {offset} 字节起）]]。请删去。",
        "There are bytes after the end of the JSON text[[ (from byte {offset})]]. Remove them.",
    ),
    "JSON_DEPTH": (
        "JSON 嵌套过深[[，上限 {depth_max} 层]]。请减少层数。",
        "The JSON text is nested too deeply[[; the limit is {depth_max}]]. Flatten it.",
    ),
    "JSON_DUPLICATE_KEY": (
        "同一 JSON 对象中有重复的键[[（第 {offset} 字节）]]。每个键只能出现一次。",
        "A JSON object holds the same key twice[[ (byte {offset})]]. Name each key once.",
    ),
    "JSON_NUMBER_FRACTION": (
        "JSON 中有小数或指数[[（第 {offset} 字节）]]。请用整数，或用字符串表示。",
        "The JSON text holds a fraction or an exponent[[ (byte {offset})]]. Use an integer or a string.",
    ),
    "JSON_INTEGER_RANGE": (
        "JSON 中的整数超出 ±(2^53 − 1)，或写成 -0[[（第 {offset} 字节）]]。请用字符串表示。",
        "An integer in the JSON text is outside ±(2^53 − 1), or -0[[ (byte {offset})]]. Write it as a string.",
    ),
    "JSON_LONE_SURROGATE": (
        "JSON 字符串中有不成对的代理项转义[[（第 {offset} 字节）]]。请写成完整字符。",
        "A JSON string holds an escaped lone surrogate[[ (byte {offset})]]. Write the whole character.",
    ),
    "JSON_NOT_CANONICAL": (
        "此处要求规范 JSON（RFC 8785），而内容不是。请用规范编码重新生成。",
        "This text has to be canonical JSON (RFC 8785) and is not. Encode it canonically.",
    ),
    "BODY_SHAPE": (
        "字段缺失、多余或类型不符[[：{reason}]]。请对照格式说明更正。",
        "A field is missing, unknown or of the wrong type[[: {reason}]]. Compare it with the format's description.",
    ),
    "TYPE_UNKNOWN": (
        "本链没有这种交易类型。请核对类型名称，或确认所需模块已安装。",
        "This chain has no such transaction type. Check its name, or whether the module that brings it is installed.",
    ),
    "TYPE_VERSION": (
        "该交易类型没有这个版本。请升级客户端或改用受支持的版本。",
        "The transaction type has no such version. Upgrade the client, or send a supported version.",
    ),
    "PAYLOAD_SHAPE": (
        "业务内容的字段缺失、多余或类型不符[[：{reason}]]。请对照该交易类型的说明更正。",
        "The payload has a missing, unknown or mistyped field[[: {reason}]]. Compare it with the type's description.",
    ),
    # signer and replay
    "CHAIN_WRONG": (
        "交易属于另一条链。请核对链标识，为本链重新签名。",
        "The transaction names another chain. Check the chain id and sign it again for this one.",
    ),
    "ALGORITHM_NOT_ALLOWED": (
        "不允许使用该算法[[（{algorithm}）]]。请使用创世文件列出的算法；MD5、SHA-1 一律不可用。",
        (
            "The algorithm is not allowed[[ ({algorithm})]]. Use one that the genesis file lists; MD5 and "
            "SHA-1 exist nowhere."
        ),
    ),
    "KEY_MALFORMED": (
        "密钥的形式不符合算法[[（{algorithm}）]]：长度、范围或编码有误，或强度不足。请核对或更换密钥。",
        (
            "The key does not have the form of its algorithm[[ ({algorithm})]]: a wrong length, range or "
            "encoding, or too weak. Check it or use another key."
        ),
    ),
    "KEY_NOT_ON_CURVE": (
        "公钥不是曲线上的点[[（{algorithm}）]]。请核对公钥，不要使用来历不明的密钥。",
        "The public key is no point of the curve[[ ({algorithm})]]. Check it, and use no key of unknown origin.",
    ),
    "SIGNER_REPEATED": (
        "同一账户在签名者中出现两次。请只列一次。",
        "An account appears twice among the signers. Name it once.",
    ),
    "SIGNER_UNKNOWN": (
        "链上没有该签名账户。请先由本单位管理员注册。",
        "The ledger holds no such signer's account. Have an administrator of the organisation register it first.",
    ),
    "SIGNER_KEY_MISMATCH": (
        "签名所用密钥或算法与链上账户登记的不同。请用账户当前的密钥签名。",
        (
            "The key or algorithm differs from what the ledger holds for the account. Sign with the account's "
            "present key."
        ),
    ),
    "SIGNATURE_LENGTH": (
        "签名长度不符合算法[[（{algorithm}）]]。账本签名用原始 r‖s，不用 DER。",
        (
            "The signature's length does not fit its algorithm[[ ({algorithm})]]. Ledger signatures are raw "
            "r‖s, not DER."
        ),
    ),
    "SIGNATURE_RANGE": (
        "签名的 r、s（或其和）超出允许范围[[（{algorithm}）]]。请重新签名。",
        "A number of the signature (r, s or their sum) is outside its range[[ ({algorithm})]]. Sign again.",
    ),
    "SIGNATURE_DER": (
        "签名不是严格的 DER 编码[[：{reason}]]。请用符合 GM/T 0009 的工具重新生成。",
        "The signature is not strict DER[[: {reason}]]. Make it again with a tool that follows GM/T 0009.",
    ),
    "SIGNATURE_INVALID": (
        "签名不成立[[（{algorithm}）]]：内容被改动，或密钥、签名者标识不符。请核对后由本人重新签名。",
        (
            "The signature does not hold[[ ({algorithm})]]: the content was changed, or key or signer ID "
            "differ. Check them and have the signer sign again."
        ),
    ),
    "EXPIRED": (
        "交易已过有效期。请重新签名后提交；若持续出现，请核对时钟。",
        "The transaction has expired. Sign a new one; where this persists, check the clock.",
    ),
    "EXPIRES_TOO_FAR": (
        "交易的有效期超前过多。请缩短有效期，或核对时钟。",
        "The transaction expires too far ahead. Shorten its validity, or check the clock.",
    ),
    "REPLAYED": (
        "该交易已经提交过，未重复执行。请按交易标识查询其回执。",
        "This transaction was submitted before and was not executed again. Read its receipt by the transaction id.",
    ),
    "SIGNER_FROZEN": (
        "签名账户已被冻结。请联系本单位管理员或监管部门解冻。",
        "The signer's account is frozen. Ask the organisation's administrator or the supervisor to unfreeze it.",
    ),
    # permission
    "ROLE_MISSING": (
        "账户没有该操作所需的角色。请由有相应角色的账户提交，或向管理员申请。",
        "The account lacks the role that this needs. Submit from an account that has it, or ask the administrator.",
    ),
    "ADMINISTRATOR_REQUIRED": (
        "该操作须由单位管理员提交。请联系本单位管理员。",
        "Only an administrator of the organisation may do this. Ask the organisation's administrator.",
    ),
    "ORGANISATION_MISMATCH": (
        "对象属于另一个单位。请由该单位的管理员或监管部门操作。",
        "It belongs to another organisation. Its own administrator or a supervisor has to do this.",
    ),
    "RECIPIENT_UNKNOWN": (
        "链上没有所写的接收账户。请核对地址，或先注册该账户。",
        "The ledger holds no such recipient's account. Check the address, or register the account first.",
    ),
    "SIGNERS_TOO_MANY": (
        "签名者过多。请减少到该交易类型允许的人数。",
        "There are more signers than this type of transaction takes. Use fewer.",
    ),
    "RULE_FAILED": (
        "处理该交易的规则出错，交易未产生任何变更。请联系运维人员并提供交易标识。",
        "The rule for this transaction failed and changed nothing. Give the operator the transaction id.",
    ),
    # accounts
    "ACCOUNT_EXISTS": (
        "该密钥对应的账户已存在。请直接使用，或换一个密钥。",
        "An account with this key exists already. Use it, or register another key.",
    ),
    "ACCOUNT_UNKNOWN": (
        "没有该账户。请核对地址。",
        "There is no such account. Check the address.",
    ),
    "ACCOUNT_STATUS": (
        "账户已处于该状态。无需操作。",
        "The account is in that status already. Nothing needs to be done.",
    ),
    "ACCOUNT_SELF": (
        "不能冻结或解冻自己的账户。请由另一管理员或监管部门操作。",
        "An account cannot freeze or unfreeze itself. Another administrator or a supervisor has to do it.",
    ),
    "ACCOUNT_VOTES": (
        "该账户代表本单位参与表决，其他单位不能冻结或解冻。请由该单位的管理员操作，或提案 organisation.account。",
        "The account votes for its organisation; only that one may do this. Ask it, or propose organisation.account.",
    ),
    "ORGANISATION_UNKNOWN": (
        "链上没有该单位。请核对统一社会信用代码。",
        "The ledger holds no such organisation. Check its unified social credit code.",
    ),
    "ACCOUNT_ROLES": (
        "角色未按字母顺序排列、重复，或超出管理员可授予的范围。请更正角色列表。",
        "The roles are unsorted, repeated, or more than this administrator may grant. Correct the list.",
    ),
    "ACCOUNT_LABEL": (
        "账户标签含有控制字符或换向字符。请使用一行可打印文字。",
        "The account's label holds control or direction marks. Use one line of printable text.",
    ),
    # evidence
    "EVIDENCE_ITEM": (
        "存证条目不符合规则：摘要、名称、大小或时间有误。请用 SDK 重新生成。",
        "The evidence item breaks its rules: a digest, name, size or time is wrong. Make it again with the SDK.",
    ),
    "EVIDENCE_BATCH": (
        "批量存证不符合规则：根或条数有误。请用 SDK 重新生成。",
        "The evidence batch breaks its rules: its root or count is wrong. Make it again with the SDK.",
    ),
    "EVIDENCE_UNKNOWN": (
        "没有该存证记录。请核对存证标识。",
        "There is no such evidence record. Check its identifier.",
    ),
    "EVIDENCE_MEMBER": (
        "该批次中没有这个序号。请核对序号。",
        "The batch has no member of that number. Check the number.",
    ),
    "EVIDENCE_NOT_OWNER": (
        "该存证属于另一个单位。请由原单位操作。",
        "The evidence belongs to another organisation. Ask that organisation to do this.",
    ),
    "EVIDENCE_WITHDRAWN": (
        "该存证已撤回，不能再变更。如需继续，请重新存证。",
        "The evidence was withdrawn and cannot be changed any more. Record it anew if need be.",
    ),
    "EVIDENCE_SUPERSEDED": (
        "该存证已被新的存证取代。请对新的存证操作。",
        "The evidence was superseded by a later record. Act on that one.",
    ),
    "EVIDENCE_CAPTURE_TIME": (
        "取证时间超前于区块时间过多。请核对取证设备的时钟。",
        "The capture time lies too far ahead of block time. Check the capturing device's clock.",
    ),
}
