"""The words of a printed certificate (存证证书), in both languages; docs/spec/paper.md says where they stand.

Changing a word changes every page that is drawn again to be compared: it needs a new version of the form.
"""

SENTENCES: dict[str, dict[str, str]] = {
    "paper.title": {"zh": "存证证书", "en": "Certificate of Electronic Evidence"},
    "paper.statement": {
        "zh": (
            "兹证明：下述电子数据的摘要由所列机构提交，已于区块时间 {time}（北京时间）记入联盟链 {chain} "
            "第 {height} 区块。本证书依据所附证明包生成，是否成立以证明包的核验结果为准。"
        ),
        "en": (
            "This is to certify that the digests of the electronic data described below, submitted by the "
            "organisation named below, were recorded in block {height} of chain {chain} at block time {time} "
            "(China time). This page was made from the attached evidence package; "
            "whether it holds is decided by verifying that package."
        ),
    },
    "paper.statement_private": {
        "zh": (
            "兹证明：对下述电子数据的承诺由所列机构提交，已于区块时间 {time}（北京时间）记入联盟链 {chain} "
            "第 {height} 区块。本证书依据所附证明包生成，是否成立以证明包的核验结果为准。"
        ),
        "en": (
            "This is to certify that a commitment to the electronic data described below, submitted by the "
            "organisation named below, was recorded in block {height} of chain {chain} at block time {time} "
            "(China time). This page was made from the attached evidence package; "
            "whether it holds is decided by verifying that package."
        ),
    },
    "paper.banner.withdrawn": {"zh": "已撤回", "en": "WITHDRAWN"},
    "paper.banner.superseded": {"zh": "已被取代", "en": "SUPERSEDED"},
    "paper.banner.test_clock": {"zh": "测试链，不具证明力", "en": "TEST CHAIN: ITS TIMES PROVE NOTHING"},
    "paper.part.subject": {"zh": "存证对象", "en": "What was anchored"},
    "paper.part.batch": {"zh": "所属批次", "en": "Batch that it is part of"},
    "paper.part.ledger": {"zh": "上链记录", "en": "Where it is recorded"},
    "paper.part.submitter": {"zh": "提交者", "en": "Who submitted it"},
    "paper.part.status": {"zh": "状态", "en": "Status"},
    "paper.part.not_proved": {"zh": "本证书不证明", "en": "What this certificate does not prove"},
    "paper.part.verify": {"zh": "核验方法", "en": "How to verify it"},
    "paper.label.record": {"zh": "存证编号", "en": "Record id"},
    "paper.label.name": {"zh": "文件名称", "en": "File name"},
    "paper.label.size": {"zh": "文件大小", "en": "Size"},
    "paper.label.sm3": {"zh": "SM3 摘要", "en": "SM3 digest"},
    "paper.label.sha256": {"zh": "SHA-256 摘要", "en": "SHA-256 digest"},
    "paper.label.content": {"zh": "内容摘要", "en": "Content digests"},
    "paper.label.media_type": {"zh": "媒体类型", "en": "Media type"},
    "paper.label.captured": {"zh": "采集（自述）", "en": "Captured, as stated"},
    "paper.label.reference": {"zh": "业务编号", "en": "Business reference"},
    "paper.label.items": {"zh": "存证项数", "en": "Items"},
    "paper.label.total_size": {"zh": "总大小", "en": "Total size"},
    "paper.label.root": {"zh": "批次树根", "en": "Root of the batch"},
    "paper.label.place": {"zh": "批次内序号", "en": "Number in the batch"},
    "paper.label.supplements": {"zh": "补充的存证", "en": "Supplements"},
    "paper.label.supersedes": {"zh": "取代的存证", "en": "Supersedes"},
    "paper.label.opened": {"zh": "揭示的承诺", "en": "Opened commitment"},
    "paper.label.chain": {"zh": "链", "en": "Chain"},
    "paper.label.genesis": {"zh": "创世文件指纹", "en": "Genesis fingerprint"},
    "paper.label.height": {"zh": "区块高度", "en": "Block height"},
    "paper.label.time": {"zh": "区块时间", "en": "Block time"},
    "paper.label.transaction": {"zh": "交易", "en": "Transaction"},
    "paper.label.organisation": {"zh": "提交机构", "en": "Organisation"},
    "paper.label.account": {"zh": "签名账户", "en": "Signing account"},
    "paper.label.state": {"zh": "存证状态", "en": "State"},
    "paper.label.as_of": {"zh": "截至", "en": "As of"},
    "paper.label.marked": {"zh": "标记交易", "en": "Marked by"},
    "paper.label.marked_time": {"zh": "标记时间", "en": "Marked at"},
    "paper.label.marked_by": {"zh": "标记机构", "en": "Marking organisation"},
    "paper.label.marking_account": {"zh": "标记账户", "en": "Marking account"},
    "paper.label.reason": {"zh": "原因", "en": "Reason"},
    "paper.label.package": {"zh": "证明包 SM3", "en": "SM3 of the package"},
    "paper.label.url": {"zh": "查询地址", "en": "Address"},
    "paper.value.bytes": {"zh": "{size} 字节", "en": "{size} bytes"},
    "paper.value.height": {
        "zh": "第 {height} 区块，区块内第 {place} 笔，共 {count} 笔",
        "en": "block {height}, number {place} of {count}",
    },
    "paper.value.place": {"zh": "第 {place} 项，共 {count} 项", "en": "number {place} of {count}"},
    "paper.value.captured": {"zh": "{method}，{time}", "en": "{method}, {time}"},
    "paper.value.name_private": {"zh": "未公开", "en": "not public"},
    "paper.value.content_private": {"zh": "未公开，链上为承诺", "en": "not public; the ledger holds a commitment"},
    "paper.value.opened": {"zh": "{field}：{value}", "en": "{field}: {value}"},
    "paper.value.state.in_force": {"zh": "有效", "en": "in force"},
    "paper.value.state.superseded": {"zh": "已被取代", "en": "superseded"},
    "paper.value.state.withdrawn": {"zh": "已撤回", "en": "withdrawn"},
    "paper.value.as_of": {"zh": "第 {height} 区块，{time}", "en": "block {height}, {time}"},
    "paper.value.url": {
        "zh": "由开具者填写，不在证明范围内。",
        "en": "Given by whoever had this certificate made; not part of what is proved.",
    },
    "paper.verify.one": {
        "zh": (
            "1. 本 PDF 文件附有证明包（{name}）。离线核验：govchain verify 本文件.pdf；"
            "或用任何 PDF 阅读器取出附件后核验附件。"
        ),
        "en": (
            "1. This PDF file carries the evidence package ({name}). Offline: govchain verify FILE.pdf; or take the "
            "attachment out with any PDF reader and verify that."
        ),
    },
    "paper.verify.two": {
        "zh": "2. 将核验结果中的创世文件指纹与从链的运营方另行取得的指纹比对。",
        "en": "2. Compare the genesis fingerprint with the one obtained from the chain's operator by another way.",
    },
    "paper.verify.three": {
        "zh": "3. 仅凭纸张不能核验；请以文件为准。二维码载有链、存证编号和证明包的 SM3。",
        "en": (
            "3. Paper alone cannot be verified; the file can. The QR code carries chain, record id and the SM3 of the "
            "package."
        ),
    },
    "paper.footer": {"zh": "第 {page} 页，共 {pages} 页", "en": "page {page} of {pages}"},
    "paper.attachment": {
        "zh": "存证证明包；核验：govchain verify",
        "en": "evidence package; verify it with: govchain verify",
    },
}
