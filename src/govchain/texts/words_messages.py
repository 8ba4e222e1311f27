"""Messages of the command line: results, refusals, what to do next."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    # The command line itself
    "cli.error": ("错误：{text}（{code} {number}）", "Error: {text} ({code} {number})"),
    "cli.notice": ("提示：{text}", "Note: {text}"),
    "cli.bad_member": ("{path}：{code}（{reason}）", "{path}: {code} ({reason})"),
    "cli.comma": ("、", ", "),
    "cli.yes": ("是", "yes"),
    "cli.bytes": ("{size} 字节", "{size} bytes"),
    "cli.bytes_round": ("{size} 字节（{round}）", "{size} bytes ({round})"),
    "cli.bad_time": (
        "{option} 的值 {given} 不是日期或 RFC 3339 时间",
        "{option}: {given} is neither a date nor an RFC 3339 time",
    ),
    "cli.exists": ("{path} 已存在，如要覆盖请加 --force", "{path} exists; --force replaces it"),
    "cli.no_file_name": ("{path} 不是文件名", "{path} is no name of a file"),
    "cli.one_line": (
        "{option} 须为一行可见文字，不含控制字符、换行或改变方向的字符",
        "{option} must be one line of visible text, without control characters or marks that turn text around",
    ),
    "cli.interrupted": ("已中断。", "Interrupted."),
    "cli.internal_hint": ("详情已写入 {path}", "Details were written to {path}"),
    "cli.internal_debug": ("设置 GOVCHAIN_DEBUG=1 可查看详情", "GOVCHAIN_DEBUG=1 shows the details"),
    "cli.language_unknown": ("语言 {given} 未知，可用 zh 或 en", "language {given} is unknown: zh or en"),
    "cli.missing_parameter": ("缺少参数 {name}", "{name} is missing"),
    "cli.no_such_command": ("没有命令 {name}", "there is no command {name}"),
    "cli.no_such_option": ("没有选项 {option}", "there is no option {option}"),
    "cli.no_terminal": (
        "未设置 GOVCHAIN_PASSPHRASE，也没有终端可供输入",
        "GOVCHAIN_PASSPHRASE is not set, and there is no terminal to ask at",
    ),
    "cli.option_value": ("选项 {option} 缺少值", "option {option} needs a value"),
    "cli.passphrase_for": ("请输入密钥 {name} 的口令", "Passphrase of the key {name}"),
    "cli.pending": (
        "交易 {id} 已写入本地目录，但尚未确认是否上链；稍后会再次查询。",
        "Transaction {id} is in the local directory; whether it was committed is unknown, and will be asked again.",
    ),
    "cli.see_help": ("查看用法：{command}", "How to call: {command}"),
    # Making a chain
    "init.done": ("已新建链 {chain}，数据目录 {path}", "Made the chain {chain} in {path}"),
    "init.keys": (
        "密钥在 {path}，由同处的口令文件保护，仅本人可读；生产环境请另行保管口令。",
        "Keys are in {path}, under the passphrase file beside them; in production keep the passphrase elsewhere.",
    ),
    "init.keys_variable": (
        "密钥在 {path}，由 GOVCHAIN_PASSPHRASE 中的口令保护；口令未写入任何文件，请妥善保管。",
        "Keys are in {path}, under the passphrase in GOVCHAIN_PASSPHRASE; it was written nowhere: keep it safe.",
    ),
    "init.demonstration_organisation": ("示范单位", "Demonstration organisation"),
    "init.next": ("下一步：cd {path} && govchain evidence put 文件", "Next: cd {path} && govchain evidence put FILE"),
    "init.trusted": ("已将创世文件加入本人的信任库。", "Its genesis was added to your trust store."),
    "init.not_trusted": (
        "创世文件未能加入信任库：{reason} 请稍后执行 govchain trust add {path}/genesis.json",
        "Its genesis could not be added to your trust store: {reason} Later run govchain trust add {path}/genesis.json",
    ),
    # Evidence
    "evidence.anchored": ("已存证 {files} 个文件，{size}", "Anchored {files} file(s), {size}"),
    "evidence.skipped": ("未存证 {count} 项：", "Left out {count}:"),
    "evidence.next": ("下一步：govchain evidence export {id} -o p.gcp", "Next: govchain evidence export {id} -o p.gcp"),
    "evidence.withdrawn": (
        "已在区块 {height} 将 {id} 标记为撤回（交易 {by}）",
        "Marked {id} as withdrawn in block {height} (transaction {by})",
    ),
    "evidence.exported": (
        "已写入 {path}（{size} 字节）。下一步：govchain verify {path} --original 文件",
        "Wrote {path} ({size} bytes). Next: govchain verify {path} --original FILE",
    ),
    "evidence.envelope": (
        "已签名并写入 {path}；存证标识 {id}，请在 {until} 前发送。",
        "Signed, into {path}; the record's id will be {id}. Send it before {until}.",
    ),
    "evidence.one_envelope": (
        "文件数超过一个批次的上限，无法写入一个文件",
        "more files than one batch takes do not fit into one signed file",
    ),
    "evidence.private_name": ("（名称未公开）", "(name not public)"),
    "evidence.batch_of": ("{count} 个文件的批次", "batch of {count}"),
    "evidence.one_file": ("此处只能给出一个文件", "exactly one file is wanted here"),
    "evidence.own_directory": (
        "{path} 与数据目录重叠，其中有节点正在写入的文件和密钥；请选择其他文件夹",
        "{path} overlaps the data directory, whose files the node is writing and where keys are; choose another folder",
    ),
    "evidence.reason": ("原因 {given} 未知，可用：{known}", "reason {given} is unknown: {known}"),
    "find.nothing_asked": ("请给出文件、摘要、标识或筛选条件", "name a file, a digest, an id or a filter"),
    "find.criteria": ("没有符合条件的存证", "no record meets these criteria"),
    # Verification
    "verify.detail.certificates": (
        "截至区块 {height}；{rule}：{members} 个成员中 {signed} 个签名，需 {needed} 个；成员变更 {changes} 次",
        "as of block {height}; {rule}: {signed} of {members} members signed, {needed} needed; {changes} changes",
    ),
    "verify.detail.transactions": ("{count} 项", "{count} claim(s)"),
    "verify.detail.evidence": ("{count} 项存证", "{count} record(s)"),
    "verify.detail.unknown": ("没有本链的信任依据", "nothing of this chain is trusted"),
    "verify.detail.contradiction": (
        "第 {height} 区块与所信任的不是同一个",
        "block {height} is not the trusted one",
    ),
    "verify.detail.not_contained": (
        "未证明其包含所信任的第 {height} 区块",
        "does not show that it contains the trusted block {height}",
    ),
    "verify.trusted": (
        "签发方可信：依据 {by}，创世指纹 {fingerprint}",
        "The issuer is trusted: by {by}, genesis fingerprint {fingerprint}",
    ),
    "verify.note": (
        "注意：未证明所信任的第 {height} 区块属于这段历史",
        "Note: trusted block {height} is not shown to be part of this past",
    ),
    "verify.contradiction": (
        (
            "签发方不可信：证据包自洽，但其第 {height} 区块与您信任的区块头不同，这是另一段历史。"
            "创世指纹 {fingerprint}。请保留证据包并联系链的运维方"
        ),
        (
            "The issuer is NOT trusted: the package is self-consistent, but its block {height} is not the one whose "
            "header you trust: this is another past. Genesis fingerprint {fingerprint}. Keep the package and ask those "
            "who run the chain"
        ),
    ),
    "verify.not_contained": (
        (
            "签发方不可信：证据包自洽，但未证明其包含您信任的第 {height} 区块。创世指纹 {fingerprint}。"
            "请索取带有该区块的证据包（govchain evidence export --anchor {height}），或用可靠途径取得的创世文件核验"
        ),
        (
            "The issuer is NOT trusted: the package is self-consistent, but it does not show that it contains the "
            "trusted block {height}. Genesis fingerprint {fingerprint}. Ask for a package that does "
            "(govchain evidence export --anchor {height}), or verify with a genesis file that you trust"
        ),
    ),
    "verify.unknown": (
        (
            "签发方不可信：证据包自洽，但创世指纹 {fingerprint} 不在信任库中，也未用 --trust 给出。"
            "请通过可靠途径取得创世文件并核对指纹，然后执行 govchain trust add 文件"
        ),
        (
            "The issuer is NOT trusted: the package is self-consistent, but genesis fingerprint {fingerprint} is "
            "neither in your trust store nor given with --trust. Obtain the genesis file in a way that you trust, "
            "compare the fingerprint, and run govchain trust add FILE"
        ),
    ),
    "verify.equivocation": (
        "双重签名证明成立：链 {chain}，区块高度 {height}，成员届次 {epoch}，同一密钥签署了两个不同的区块。",
        "The proof holds: on chain {chain} one key signed two different blocks of height {height}, epoch {epoch}.",
    ),
    "verify.equivocation.blocks": (
        "密钥 {signer}，区块 {first} 与区块 {second}。",
        "Key {signer}; blocks {first} and {second}.",
    ),
    "verify.equivocation.member": (
        "该密钥属于所列创世文件中的成员 {member}。",
        "The key is that of {member}, a member in the genesis file that was named.",
    ),
    "verify.equivocation.unknown": (
        "未证明该密钥属于成员：请用 --trust 指明创世文件，或查阅治理记录（密钥 {signer}…）。",
        "That the key is a member's is not shown: name the genesis with --trust, or look in governance ({signer}…).",
    ),
    "verify.result.trusted": ("结论：成立，且签发方可信。", "Result: it holds, and the issuer is trusted."),
    "verify.result.untrusted": ("结论：自洽，但签发方不可信。", "Result: self-consistent, issuer NOT trusted."),
    "verify.result.ended": (
        "结论：成立，但存证已撤回或被取代。",
        "Result: it holds, but the record was withdrawn or superseded.",
    ),
    "verify.no_status": ("未载明任何存证的状态。", "No record's status is stated."),
    "verify.batch_whole": (
        "批次的状态指整个批次；其中单项可能另有标记。",
        "The status of a batch is that of the batch as a whole; single items may have been marked on their own.",
    ),
    "verify.refused": (
        "拒绝：{file} 在第 {step} 步不成立[[（{member}）]]：{text}",
        "Refused: {file} fails at step {step}[[ ({member})]]: {text}",
    ),
    "verify.differs": (
        "{field} 不一致：存证为 {recorded}，所给文件为 {original}",
        "{field} differs: {recorded} was recorded, the given file has {original}",
    ),
    "verify.content_private": (
        "{id} 的内容摘要未公开；请用 govchain evidence export --disclose content 重新导出",
        "The content digests of {id} are private; export it again with --disclose content",
    ),
    # Trust
    "trust.added": ("已加入信任库：", "Trusted from now on:"),
    "trust.removed": ("不再信任 {fingerprint}", "No longer trusted: {fingerprint}"),
    "trust.none": (
        "信任库 {path} 是空的。用 govchain trust add 文件 添加创世文件。",
        "The trust store {path} is empty. Add a genesis file with govchain trust add FILE.",
    ),
    # Accounts and keys
    "account.unknown_role": ("角色未知，可用：{known}", "unknown role: {known}"),
    "block.certificate": ("{have} 个签名，共 {of} 个成员", "{have} signature(s) of {of} member(s)"),
    "key.no_such": ("找不到密钥 {name}", "there is no key {name}"),
    "key.no_der": ("{algorithm} 的签名没有 DER 形式", "signatures of {algorithm} have no DER form"),
    "key.challenge_node": (
        "登录质询须与给出它的节点一同指定：--node URL",
        "a login challenge is signed for the node that gave it: name it with --node URL",
    ),
    "key.signed": ("签名已写入 {path}", "The signature was written to {path}"),
    "key.valid": ("签名成立（{algorithm}）", "The signature holds ({algorithm})"),
    # Operations
    "doctor.checked": ("已检查：{checks}", "Checked: {checks}"),
    "doctor.clean": ("未发现问题。", "Nothing is wrong."),
    "doctor.found": ("发现 {count} 个问题。", "{count} problem(s) found."),
    "doctor.finding": ("{part}：{code}（{reason}）。{remedy}[{name}]", "{part}: {code} ({reason}). {remedy} [{name}]"),
    "doctor.remedy.clock": ("请校准系统时钟。", "Set the machine's clock."),
    "doctor.remedy.disk": ("请腾出磁盘空间。", "Free some disk space."),
    "doctor.remedy.genesis": (
        "请从备份恢复创世文件，或安装相符的程序版本。",
        "Restore genesis from a backup, or install the program version that fits.",
    ),
    "doctor.remedy.archive": (
        "请勿依赖该归档；放回完好的副本，或用 govchain archive unmount 卸载。",
        "Do not rely on that archive; put a good copy in its place, or unmount it with govchain archive unmount.",
    ),
    "doctor.remedy.mounts": (
        "请删除该文件，再用 govchain archive mount 重新挂载归档。",
        "Remove the file, and mount the archives again with govchain archive mount.",
    ),
    "doctor.remedy.key": ("请从备份恢复密钥文件。", "Restore the key file from a backup."),
    "doctor.remedy.permissions": (
        "请执行 chmod 600（文件夹 700），并考虑更换密钥。",
        "Run chmod 600 on it (700 for the folder), and consider replacing the key.",
    ),
    "doctor.remedy.restore": (
        "请停止节点，并从备份或其他节点恢复数据目录。",
        "Stop the node and restore the data directory from a backup or a peer.",
    ),
    "doctor.remedy.store": (
        "请停止节点并查看磁盘；如无法读取，从备份或其他节点恢复。",
        "Stop the node and look at the disk; where it cannot be read, restore from a backup or a peer.",
    ),
    "demo.step": ("$ {command}    （{seconds} 秒，退出码 {code}）", "$ {command}    ({seconds} s, exit code {code})"),
    "demo.anchored": (
        "存证 {evidence}：{files} 个文件，{bytes} 字节",
        "evidence {evidence}: {files} file(s), {bytes} bytes",
    ),
    "demo.heading.create": (
        "新建一条链；应成功，并列出其目录与创世指纹。",
        "A new chain; it should be made, and its folder and genesis fingerprint named.",
    ),
    "demo.heading.anchor": (
        "一个文件夹的全部文件在一笔交易中存证；应得到一个存证标识。",
        "All files of a folder are anchored in one transaction; they should get one evidence ID.",
    ),
    "demo.heading.anchor_one": (
        "另存证一个文件；应得到它自己的标识。",
        "One more file is anchored; it should get an evidence ID of its own.",
    ),
    "demo.heading.find": (
        "凭文件本身查找记录；应找到，且状态为有效。",
        "The record is looked up by the file itself; it should be found, in force.",
    ),
    "demo.heading.export": (
        "为该文件导出证据包；应写出一个文件。",
        "A package is exported for that file; it should be written as one file.",
    ),
    "demo.heading.export_member": (
        "为文件夹中的一个文件单独导出证据包，不含其余文件的内容；应写出一个文件。",
        "A package for a single file of the folder, without the others' content; it should be written.",
    ),
    "demo.heading.verify": (
        "离线验证证据包与原文件；应成立且签发方受信任，并说明哪些未被证明。",
        "The package and the file are checked offline: it should hold and be trusted, and say what it does not prove.",
    ),
    "demo.heading.verify_member": (
        "验证文件夹中单个文件的证据包；应成立且受信任。",
        "The package of the folder's single file is checked; it should hold and be trusted.",
    ),
    "demo.heading.verify_alone": (
        "用不共享任何代码的第二个验证程序再验证一次；结论应相同。",
        "A second verifier, which shares no code with the first, checks it; it should come to the same result.",
    ),
    "demo.heading.no_trust": (
        "同一证据包，不提供信任依据：应为“未受信任”。",
        "The same package without trust: not trusted, as it should be.",
    ),
    "demo.heading.changed_file": (
        "原文件改动一位：应被拒绝，并指出是原文件不符。",
        "One bit of the file is changed: it should be refused, naming the original.",
    ),
    "demo.heading.changed_package": (
        "证据包改动一位：应被拒绝，并指出位置。",
        "One bit of the package is changed: it should be refused, naming the place.",
    ),
    "demo.heading.changed_package_alone": (
        "第二个验证程序检查同一个被改动的证据包：也应拒绝。",
        "The second verifier is given the same changed package; it should refuse it too.",
    ),
    "demo.heading.doctor": (
        "检查整个数据目录；应无异常。",
        "The whole data directory is checked; nothing should be wrong.",
    ),
    "demo.done": (
        "演示完成：{files} 个文件，共 {seconds} 秒，保留在 {home}。可继续输入：",
        "Done: {files} files, {seconds} s in all, kept in {home}. Try next:",
    ),
    "progress.reading": ("正在读取 {files} 个文件", "Reading {files} files"),
    "progress.checking": ("正在检查区块", "Checking blocks"),
    "progress.measuring": ("正在测量", "Measuring"),
    # What to do next after an error
    "hint.BATCH_MEMBER_BAD": (
        "未存证任何文件。改正以上各项，或加 --skip-bad 跳过它们。",
        "Nothing was anchored. Mend these, or leave them out with --skip-bad.",
    ),
    "hint.DATA_DIRECTORY_LOCKED": (
        "等待该进程结束，或用 --node 交给正在运行的节点。查询命令不受影响。",
        "Wait for that process to end, or ask the running node with --node. Commands that only read work meanwhile.",
    ),
    "hint.DATA_DIRECTORY_MISSING": (
        "用 --data 目录 指明，或先执行 govchain init 目录。",
        "Name it with --data DIR, or make one with govchain init DIR.",
    ),
    "hint.EVIDENCE_NOT_OWNER": (
        "只有提交存证的机构可以补充、取代或撤回。",
        "Only the organisation that made the record may supplement, supersede or withdraw it.",
    ),
    "hint.HEAD_FORKED": (
        "保存节点的应答并通知监管方。若确因重建链或恢复备份，可先 govchain trust remove 指纹 再 trust add。",
        (
            "Keep what the node answered and tell the supervisor. If the chain was restored on purpose, run "
            "govchain trust remove FINGERPRINT and trust add again."
        ),
    ),
    "hint.HEAD_STALE": (
        "节点出示的链短于本人曾见过的链。若确因恢复备份，可先 govchain trust remove 指纹 再 trust add。",
        (
            "The node shows less than you have seen before. If a backup was restored on purpose, run "
            "govchain trust remove FINGERPRINT and trust add again."
        ),
    ),
    "hint.KEY_FILE_PASSPHRASE": (
        "口令取自环境变量 GOVCHAIN_PASSPHRASE、数据目录的 keys/passphrase，或当场输入。",
        "The passphrase comes from GOVCHAIN_PASSPHRASE, from keys/passphrase in the data directory, or is asked for.",
    ),
    "hint.ROLE_MISSING": (
        "该操作需要其他角色的账户；用 --key 指明密钥，或请管理员登记账户。",
        "This needs an account with another role: name its key with --key, or ask an administrator to register one.",
    ),
}
