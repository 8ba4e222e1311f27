"""Sentences of operations: what the doctor finds and what to do about it."""

from __future__ import annotations

__all__ = ["SENTENCES"]

_PAIRS: dict[str, tuple[str, str]] = {
    "doctor.check.members": ("成员文件与引擎", "member files and engine"),
    "doctor.reason.peers_unknown": (
        "没有任何其他成员的可用成员文件，本节点无法连接到它们",
        "there is no usable member file of any other member, so that this node reaches none of them",
    ),
    "doctor.reason.engine_other": (
        "引擎密钥与本节点的成员文件不符",
        "the engine's keys are not those of this node's member file",
    ),
    "doctor.remedy.member": (
        "从该成员处重新取得成员文件，执行 govchain node admit。",
        "Get the member's file again from that member, and run govchain node admit.",
    ),
    "doctor.remedy.engine": (
        "用 make engines 构建引擎程序，或在 engine_path 中指明其所在文件夹。",
        "Build the engine's program with make engines, or name its folder by engine_path.",
    ),
    "doctor.remedy.engine_keys": (
        "不要放回旧的引擎文件；请生成新的引擎密钥，由各成员表决更换。",
        "Put no old engine files back; make new engine keys, and have the members vote them in.",
    ),
    "doctor.check.files": ("存储文件", "store files"),
    "doctor.check.time_servers": ("时间服务器", "time servers"),
    "doctor.check.checkpoint": ("检查点", "checkpoint"),
    "doctor.reason.mode": ("权限为 {mode}，其他用户可以访问", "its mode is {mode}: others may access it"),
    "doctor.reason.missing": ("缺失", "it is missing"),
    "doctor.reason.no_member": (
        "该密钥不在本链的签名成员之中",
        "its key is not among the members that sign this chain",
    ),
    "doctor.reason.disk": (
        "剩余 {free_mib} MiB，少于 {wanted_mib} MiB",
        "{free_mib} MiB are free, fewer than {wanted_mib} MiB",
    ),
    "doctor.reason.clock": (
        "最新区块的时间比系统时钟超前 {ahead_s} 秒",
        "the newest block is {ahead_s} s ahead of the machine's clock",
    ),
    "doctor.reason.other_genesis": (
        "区块 1 所接续的是另一个创世文件",
        "block 1 continues another genesis than this one",
    ),
    "doctor.reason.no_state": ("没有创世状态", "there is no state of genesis"),
    "doctor.reason.header_altered": (
        "区块头的摘要为 {found}，而链上其他部分指明的是 {named}",
        "the header's identity is {found}, while the rest of the chain names {named}",
    ),
    "doctor.reason.header_link": ("与前一区块不相接", "it does not follow the block before it"),
    "doctor.reason.header_signers": (
        "所列签名成员不是当时有效的成员",
        "it names another signer set than the one in force",
    ),
    "doctor.reason.head": (
        "链头状态指明的区块标识与最后一个区块头不符",
        "the moving facts name another block as the newest",
    ),
    "doctor.reason.certificate_missing": ("没有终局凭证", "there is no finality certificate"),
    "doctor.reason.certificate_behind": (
        "最新区块还没有终局凭证，节点可能刚被中断",
        "the newest block has no finality certificate yet; the node was probably interrupted",
    ),
    "doctor.reason.transaction_root": (
        "交易内容与区块头中的交易根不符",
        "the transactions do not give the header's transaction root",
    ),
    "doctor.reason.receipt_root": ("回执与区块头中的回执根不符", "the receipts do not give the header's receipt root"),
    "doctor.reason.refused": (
        "重新执行时被拒绝（{code}）",
        "executed again, the block is refused ({code})",
    ),
    "doctor.reason.replayed_header": (
        "重新执行得到不同的区块头：{fields}",
        "executed again, the block gives another header: {fields}",
    ),
    "doctor.reason.replayed_receipts": (
        "重新执行得到不同的回执",
        "executed again, the block gives other receipts",
    ),
    "doctor.reason.entry_missing": (
        "{count} 项与区块推导的结果不符；首项 {key} 缺失",
        "{count} differ from what the blocks give; first, {key} is missing",
    ),
    "doctor.reason.entry_added": (
        "{count} 项与区块推导的结果不符；首项 {key} 多余",
        "{count} differ from what the blocks give; first, {key} should not be there",
    ),
    "doctor.reason.entry_changed": (
        "{count} 项与区块推导的结果不符；首项 {key} 的值被改动",
        "{count} differ from what the blocks give; first, {key} has another value",
    ),
    "doctor.reason.chain_state": (
        "与区块推导的结果不符：{fields}",
        "it differs from what the blocks give: {fields}",
    ),
    "doctor.reason.checkpoint_missing": (
        "高度 {height} 的检查点缺失，节点将无法继续出块",
        "the checkpoint of height {height} is missing; the node could not go on",
    ),
    "doctor.check.cpu": ("处理器", "processors"),
    "doctor.check.memory": ("内存", "memory"),
    "doctor.check.settings": ("设置", "settings"),
    "doctor.check.tls": ("TLS 证书", "TLS certificate"),
    "doctor.check.archives": ("归档", "archives"),
    "doctor.check.index": ("查询库", "index"),
    "doctor.check.live": ("应答", "answers"),
    "doctor.check.ready": ("就绪", "readiness"),
    "doctor.check.network": ("其他成员", "other members"),
    "doctor.check.version": ("版本", "version"),
    "doctor.reason.cpu": ("可用处理器 {count} 个，少于 {wanted} 个", "{count} processors, fewer than {wanted}"),
    "doctor.reason.memory": (
        "内存 {mib} MiB，少于 {wanted_mib} MiB",
        "{mib} MiB of memory, fewer than {wanted_mib} MiB",
    ),
    "doctor.reason.tls_unreadable": ("不是 PEM 证书", "it is no certificate in PEM"),
    "doctor.reason.tls_early": ("尚未生效", "it is not in force yet"),
    "doctor.reason.tls_expired": ("已过期 {days} 天", "it expired {days} day(s) ago"),
    "doctor.reason.tls_expiring": ("将在 {days} 天后过期", "it expires in {days} day(s)"),
    "doctor.reason.index_chain": ("属于另一条链", "it is another chain's"),
    "doctor.reason.index_ahead": ("比账本多 {count} 个区块", "it is {count} block(s) ahead of the ledger"),
    "doctor.reason.index_history": ("区块 {height} 与账本不是同一区块", "its block {height} is not the ledger's"),
    "doctor.reason.index_behind": ("落后账本 {count} 个区块", "it is {count} block(s) behind the ledger"),
    "doctor.reason.votes_missing": ("缺少以下成员的投票：{names}", "it misses the votes of: {names}"),
    "doctor.reason.members_away": ("未连接到以下成员：{names}", "it is not connected to: {names}"),
    "doctor.reason.certificates_behind": (
        "终局凭证落后账本 {count} 个区块",
        "finality certificates are {count} block(s) behind the ledger",
    ),
    "doctor.reason.drift": ("与本机时钟相差 {seconds} 秒", "it is {seconds} s away from this machine's clock"),
    "doctor.reason.version": (
        "节点版本 {theirs}，本机程序 {own}",
        "the node runs version {theirs}, this program is {own}",
    ),
    "doctor.remedy.machine": ("请增加该项资源，或降低要求的下限。", "Give the machine more of it, or require less."),
    "doctor.remedy.settings": ("请按提示改正该设置。", "Correct the setting that is named."),
    "doctor.remedy.tls": (
        "请换上有效的证书和私钥文件；节点会自动采用，无需重启。",
        "Put a good certificate and key in place; the node takes them without a restart.",
    ),
    "doctor.remedy.index": (
        "请核对 index_url，再运行 govchain index rebuild；节点无须停止。",
        "Check index_url; then run govchain index rebuild, which may be done beside a running node.",
    ),
    "doctor.remedy.node": (
        "请查看节点的日志，并在节点所在机器上运行 govchain doctor。",
        "Look at the node's log, and run govchain doctor on its own machine.",
    ),
    "doctor.remedy.members": (
        "请联系所列成员，核对其节点是否运行，以及两端之间的网络。",
        "Ask the members that are named whether their nodes run, and look at the network between.",
    ),
    "doctor.remedy.protocol": (
        "请安装更新的程序后再启动节点；数据无需改动。",
        "Install newer software before the node is started again; its data stay as they are.",
    ),
    "doctor.remedy.upgrade": ("请让两边使用同一版本。", "Use the same version on both sides."),
    "doctor.remedy.trust": (
        "请勿采信该节点；保存其应答，并与其他节点的区块头核对。",
        "Rely on nothing that it says; keep its answers, and compare headers with another node's.",
    ),
    "doctor.reason.clock_servers_off": (
        "本机时钟与时间服务器相差 {offset_ms} 毫秒，上限 {limit_ms} 毫秒",
        "it is off from the time servers by {offset_ms} ms; the limit is {limit_ms} ms",
    ),
    "doctor.reason.clock_servers_disagree": (
        "{asked} 个时间服务器中没有过半数意见一致：{servers}",
        "of {asked} time servers no majority agrees: {servers}",
    ),
    "doctor.remedy.time_servers": (
        "请核对 ntp_servers 和到这些服务器的网络（UDP 123），最好配置三个。",
        "Check ntp_servers and the network to them (UDP 123); best name three.",
    ),
    "doctor.remedy.start": (
        "请启动一次节点（任何写入命令均可），它会补签。",
        "Start the node once, as any command that writes does; it signs what is missing.",
    ),
    "doctor.remedy.passphrase": (
        "请提供正确的口令，或从备份恢复密钥文件。",
        "Provide the right passphrase, or restore the key file from a backup.",
    ),
}

#: Key to its sentence in each language.
SENTENCES: dict[str, dict[str, str]] = {
    key: {"zh": chinese, "en": english} for key, (chinese, english) in _PAIRS.items()
}
