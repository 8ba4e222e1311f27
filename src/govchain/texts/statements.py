"""The words of an evidence package's statement; docs/spec/evidence-package.md 6 prints the same table.

Changing a word changes what every verifier expects: it needs a new version of the package format.
"""

SENTENCES: dict[str, dict[str, str]] = {
    "statement.title": {"en": "GovChain evidence package", "zh": "政链存证证明包"},
    "statement.chain": {"en": "Chain: {chain}", "zh": "链：{chain}"},
    "statement.genesis": {"en": "Genesis fingerprint: {genesis}", "zh": "创世文件指纹：{genesis}"},
    "statement.test_clock": {
        "en": "Test chain: its clock can be moved, so its times prove nothing.",
        "zh": "测试链：时钟可被调整，所载时间不具证明力。",
    },
    "statement.as_of": {"en": "As of: block {height}, {time}", "zh": "截至：第 {height} 区块，{time}"},
    "statement.claims": {"en": "Claims: {count}", "zh": "证明事项：{count} 项"},
    "statement.claim": {"en": "Claim {number}", "zh": "事项 {number}"},
    "statement.transaction": {"en": "Transaction: {transaction}", "zh": "交易：{transaction}"},
    "statement.type": {"en": "Type: {type}, version {version}", "zh": "类型：{type}，版本 {version}"},
    "statement.committed": {
        "en": "Committed: block {height}, {time}, number {place} of {count}",
        "zh": "上链：第 {height} 区块，{time}，区块内第 {place} 笔，共 {count} 笔",
    },
    "statement.code": {"en": "Result code: {code}", "zh": "结果码：{code}"},
    "statement.organisation": {"en": "Organisation: {organisation}", "zh": "机构：{organisation}"},
    "statement.organisation.named": {"en": "{name} ({code})", "zh": "{name}（{code}）"},
    "statement.organisation.unknown": {
        "en": "named neither by the receipt nor by genesis",
        "zh": "回执与创世文件均未载明",
    },
    "statement.account": {"en": "Signed by account: {account}", "zh": "签名账户：{account}"},
    "statement.reference": {"en": "Business reference: {reference}", "zh": "业务编号：{reference}"},
    "statement.batch": {
        "en": "Batch: {count} items, {size} bytes, root {root}",
        "zh": "批次：共 {count} 项，{size} 字节，根 {root}",
    },
    "statement.member": {"en": "Item: number {place} of {count}", "zh": "存证项：第 {place} 项，共 {count} 项"},
    "statement.supplements": {"en": "Supplements: {evidence}", "zh": "补充的存证：{evidence}"},
    "statement.supersedes": {"en": "Supersedes: {evidence}", "zh": "取代的存证：{evidence}"},
    "statement.supersedes_member": {
        "en": "Supersedes: {evidence}, item number {place}",
        "zh": "取代的存证：{evidence}，第 {place} 项",
    },
    "statement.reason": {"en": "Reason: {reason}", "zh": "原因：{reason}"},
    "statement.reason.duplicate": {"en": "duplicate", "zh": "重复"},
    "statement.reason.error": {"en": "error", "zh": "有误"},
    "statement.reason.expired": {"en": "expired", "zh": "已过期"},
    "statement.reason.lawful_order": {"en": "lawful order", "zh": "依法处置"},
    "statement.reason.other": {"en": "other", "zh": "其他"},
    "statement.name": {"en": "Name: {name}", "zh": "名称：{name}"},
    "statement.name_private": {"en": "Name: not public", "zh": "名称：未公开"},
    "statement.size": {"en": "Size: {size} bytes", "zh": "大小：{size} 字节"},
    "statement.sm3": {"en": "SM3: {sm3}", "zh": "SM3：{sm3}"},
    "statement.sha256": {"en": "SHA-256: {sha256}", "zh": "SHA-256：{sha256}"},
    "statement.content_private": {"en": "Content digests: not public", "zh": "内容摘要：未公开"},
    "statement.media_type": {"en": "Media type: {media_type}", "zh": "媒体类型：{media_type}"},
    "statement.captured": {
        "en": "Captured, as the submitter says: {method}, {time}",
        "zh": "采集（提交者自述）：{method}，{time}",
    },
    "statement.method.api": {"en": "interface", "zh": "接口"},
    "statement.method.file": {"en": "file", "zh": "文件"},
    "statement.method.folder": {"en": "folder", "zh": "文件夹"},
    "statement.method.other": {"en": "other", "zh": "其他"},
    "statement.method.screenshot": {"en": "screenshot", "zh": "截屏"},
    "statement.method.stream": {"en": "stream", "zh": "数据流"},
    "statement.opened": {"en": "Opened commitment, {field}: {value}", "zh": "揭示的承诺，{field}：{value}"},
    "statement.field.content": {"en": "content digest", "zh": "内容摘要"},
    "statement.field.name": {"en": "name", "zh": "名称"},
    "statement.field.note": {"en": "note", "zh": "备注"},
    "statement.status.in_force": {
        "en": "Status at block {height}, {time}: in force",
        "zh": "第 {height} 区块（{time}）时的状态：有效",
    },
    "statement.status.superseded": {
        "en": "Status at block {height}, {time}: superseded",
        "zh": "第 {height} 区块（{time}）时的状态：已被取代",
    },
    "statement.status.withdrawn": {
        "en": "Status at block {height}, {time}: withdrawn",
        "zh": "第 {height} 区块（{time}）时的状态：已撤回",
    },
    "statement.batch_status": {
        "en": "This is the status of the batch as a whole; single items may have been marked on their own.",
        "zh": "此为整个批次的状态；其中单项可能另有标记。",
    },
    "statement.marked": {"en": "Marked by transaction: {transaction}, {time}", "zh": "标记交易：{transaction}，{time}"},
    "statement.marked_by": {
        "en": "Marked by organisation: {organisation}, account {account}",
        "zh": "标记机构：{organisation}，账户 {account}",
    },
    "statement.not_proved.title": {"en": "What this package does not prove:", "zh": "本证明包不证明："},
    "statement.not_proved.truth": {
        "en": "- that the content was true when it was anchored;",
        "zh": "- 内容在存证时是否真实；",
    },
    "statement.not_proved.person": {
        "en": "- who the person behind an account is, beyond the organisation named above;",
        "zh": "- 账户背后的自然人身份，上述机构除外；",
    },
    "statement.not_proved.later": {
        "en": "- that nothing was withdrawn or superseded after the block whose status is stated;",
        "zh": "- 所述状态区块之后未发生撤回或取代；",
    },
    "statement.not_proved.keys": {
        "en": "- that members who left signed no other past with their old keys; a later certified header excludes it.",
        "zh": "- 已退出成员的密钥未被用于签署另一份历史；更晚的已认证区块头可予排除。",
    },
}
