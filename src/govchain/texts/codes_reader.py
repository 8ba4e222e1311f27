"""Result codes of nodes and readers, never in a receipt: pool, data directory, packages, trust, files, keys."""

__all__ = ["PAIRS"]

#: Code name to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    # pool and node
    "POOL_FULL": (
        "节点暂存池已满，未接收该交易。请稍后重试。",
        "The node's pool is full and did not take the transaction. Try again in a moment.",
    ),
    "POOL_DUPLICATE": (
        "同一内容已带另一组签名在等待处理。请等待其回执。",
        "The same body is already waiting with other signatures. Wait for its receipt.",
    ),
    "POOL_SHARE": (
        "转发该交易的节点已占满其在暂存池中的份额，未接收该交易。该节点会自动重发。",
        "The node that forwarded the transaction has filled its share of this pool. It sends it again by itself.",
    ),
    "WINDOW_FULL": (
        "防重放窗口已满。请稍后重试；若持续出现，请联系运维人员。",
        "The replay window is full. Try again in a moment; where this persists, tell the operator.",
    ),
    "BATCH_MEMBER_BAD": (
        "批次中有一项不合格[[（第 {index} 项：{reason}）]]，整批未提交。请改正或移除后重试。",
        (
            "A member of the batch was refused[[ (number {index}: {reason})]], and none was submitted. Correct "
            "or remove it and try again."
        ),
    ),
    "NODE_STOPPING": (
        "节点正在停止。请在其重新启动后重试。",
        "The node is stopping. Try again once it is running.",
    ),
    "NODE_CLOCK": (
        "节点时钟跳变[[（{reason}）]]，已停止出块。请校准时钟后重新启动节点。",
        "The node's clock jumped[[ ({reason})]], and it makes no blocks. Set the clock and start the node again.",
    ),
    "DISK_FULL": (
        "磁盘已满[[（{path}）]]，未写入任何内容。请腾出空间后重试。",
        "The disk is full[[ ({path})]]; nothing was written. Free some space and try again.",
    ),
    "DATA_DIRECTORY_LOCKED": (
        "数据目录正被另一进程使用[[：{path}]]。请先停止该进程。",
        "Another process is using the data directory[[ {path}]]. Stop it first.",
    ),
    "DATA_DIRECTORY_READ_ONLY": (
        "数据目录不可写[[：{path}]]。请检查权限和挂载方式。",
        "The data directory cannot be written[[: {path}]]. Check its permissions and how it is mounted.",
    ),
    "DATA_DIRECTORY_INCOMPLETE": (
        "数据目录未完整创建[[：{path}]]。请删除后重新执行 init，或从备份恢复。",
        "The data directory was only half made[[: {path}]]. Remove it and run init again, or restore a backup.",
    ),
    "DATA_DIRECTORY_NEWER": (
        "数据目录由更新版本的程序写成[[：{path}]]。请升级本程序。",
        "A newer version of this program wrote the data directory[[ {path}]]. Upgrade this program.",
    ),
    "DATA_DIRECTORY_OLDER": (
        "数据目录由本程序不再支持的旧版本写成[[：{path}]]。请用写成它的版本打开，或重新建立数据目录。",
        (
            "A version that is no longer supported wrote the data directory[[ {path}]]. Open it with that version, "
            "or make the data directory anew."
        ),
    ),
    "DATA_DIRECTORY_EXISTS": (
        "目标位置已有内容[[：{path}]]，未作改动。请换一个空目录。",
        "There is something in that place already[[: {path}]]; it was left alone. Choose an empty directory.",
    ),
    "DATA_DIRECTORY_MISSING": (
        "找不到数据目录[[：{path}]]。请核对路径，或先执行 init。",
        "There is no data directory[[ at {path}]]. Check the path, or run init first.",
    ),
    "ENGINE_MISMATCH": (
        "本节点的引擎或密钥与创世文件不符[[：{reason}]]。请使用创世文件所列成员的密钥，或以相应引擎运行。",
        (
            "This node's engine or key does not fit the genesis file[[: {reason}]]. Use the key of a member that it "
            "names, or run it with the engine that it asks for."
        ),
    ),
    "ENGINE_MISSING": (
        "找不到引擎程序[[ {path}]][[，查找位置：{reason}]]。请执行 make engines，或用 GOVCHAIN_ENGINES 指明文件夹。",
        (
            "The engine's program[[ {path}]] is not there[[; looked in: {reason}]]. Run make engines, or name its "
            "folder in GOVCHAIN_ENGINES."
        ),
    ),
    "ENGINE_FAILED": (
        "排序引擎无法继续运行[[：{reason}]]。请查看数据目录 engine 文件夹中的日志，排除原因后重新启动节点。",
        (
            "The ordering engine cannot go on[[: {reason}]]. Read its log in the folder engine of the data directory, "
            "remove the cause, and start the node again."
        ),
    ),
    "NODE_DIVERGED": (
        (
            "本节点的计算结果与法定数成员签名的区块不同[[（{reason}）]]，已停止参与。"
            "请保留数据目录备查，检查本机状态，再从其他成员重建。"
        ),
        (
            "This node's result differs from the block that a quorum of members signed[[ ({reason})]]; "
            "it has stopped taking part. Keep the data directory as evidence, check this machine, then rebuild the "
            "node from the other members."
        ),
    ),
    "ENGINE_UNREACHABLE": (
        "排序引擎暂无应答，或多数成员不可达[[：{reason}]]。账本未受影响，多数成员恢复后将自动继续。",
        (
            "The ordering engine does not answer, or a majority of members is out of reach[[: {reason}]]. The ledger "
            "is safe; ordering goes on by itself when a majority is back."
        ),
    ),
    "ENGINE_ALTERED": (
        "排序引擎中存放的内容与成员写入的不符[[：{reason}]]。请停止节点，查明谁改动了引擎的数据，再决定如何恢复。",
        (
            "What the ordering engine holds is not what its members wrote[[: {reason}]]. Stop the node and find out "
            "who changed the engine's data before going on."
        ),
    ),
    "ENGINE_FULL": (
        "排序引擎的存储配额已满[[：{reason}]]。旧数据会自动清理；若持续出现，请提高配额或清理引擎中的外来数据。",
        (
            "The ordering engine's storage quota is used up[[: {reason}]]. Old data is cleared by itself; if this "
            "stays, raise the quota or remove foreign data from the engine."
        ),
    ),
    "MODULE_MISSING": (
        "本节点缺少创世文件要求的模块，或其版本、摘要不同[[：{reason}]]。请安装相符的版本。",
        (
            "This node lacks a module that genesis lists, or has it in another version or digest[[: "
            "{reason}]]. Install the one that fits."
        ),
    ),
    "BLOCK_INVALID": (
        "提议的区块不符合规则，已拒绝。无需操作；若反复出现，请检查提议节点。",
        (
            "A proposed block breaks the rules and was rejected. Nothing is to be done; where it recurs, look "
            "at its proposer."
        ),
    ),
    "STORE_CORRUPT": (
        "存储内容损坏[[：{path}]][[（{reason}）]]。请停止节点，运行 doctor，并从备份或其他节点恢复。",
        (
            "Stored data is damaged[[: {path}]][[ ({reason})]]. Stop the node, run doctor, and restore from a "
            "backup or a peer."
        ),
    ),
    "TIMED_OUT": (
        "在等待时间内未得到回执；交易可能仍会上链。请按交易标识查询，或原样再次提交。",
        (
            "No receipt came in the time allowed; the transaction may still commit. Look it up by its id, or "
            "send it again as it is."
        ),
    ),
    # packages, trust, files, keys
    "PACKAGE_CONTAINER": (
        "证据包的压缩容器有误[[（{member}）]][[：{reason}]]。请重新获取证据包。",
        "The evidence package's container is faulty[[ ({member})]][[: {reason}]]. Obtain the package again.",
    ),
    "PAPER_CONTAINER": (
        "该 PDF 不是本系统所写存证证书的原样文件[[：{reason}]]。请索取原文件，或用 pdfdetach 取出附件后核验附件。",
        (
            "This PDF is no certificate as this system writes it[[: {reason}]]. Obtain the file as it was issued, or "
            "take the attachment out with pdfdetach and verify that."
        ),
    ),
    "PACKAGE_MANIFEST": (
        "证据包的清单缺失或不符合格式[[：{reason}]]。请重新获取证据包。",
        "The package's manifest is missing or malformed[[: {reason}]]. Obtain the package again.",
    ),
    "CLAIM_KIND_UNKNOWN": (
        "证据包含有本程序未安装的证明类型[[：{kind}]]，无法验证。请安装提供该类型的扩展后重试。",
        (
            "The package claims a kind of fact that is not installed here[[: {kind}]], so that it cannot be "
            "verified. Install the family that offers it and try again."
        ),
    ),
    "PACKAGE_MEMBER": (
        "证据包中的文件缺失、多余或被改动[[：{member}]]。请重新获取证据包。",
        "A file of the package is missing, unlisted or altered[[: {member}]]. Obtain the package again.",
    ),
    "GENESIS_INVALID": (
        "创世文件不符合格式[[：{reason}]]。请向链的运营方索取原件。",
        "The genesis file does not follow its format[[: {reason}]]. Ask the chain's operator for the original.",
    ),
    "CONFIGURATION_INVALID": (
        "配置文件不符合导出格式[[：{reason}]]。请重新导出配置。",
        "The configuration is not what export writes[[: {reason}]]. Export the configuration again.",
    ),
    "HEADER_INVALID": (
        "区块头不成立[[（{member}）]][[：{reason}]]。该证明不可采信。",
        "A block header does not hold[[ ({member})]][[: {reason}]]. Do not rely on this proof.",
    ),
    "CERTIFICATE_INVALID": (
        "终局凭证不成立[[（{member}）]][[：{reason}]]。该证明不可采信。",
        "A finality certificate does not hold[[ ({member})]][[: {reason}]]. Do not rely on this proof.",
    ),
    "CERTIFICATE_QUORUM": (
        "终局凭证的有效签名数未达法定数[[：{reason}]]。请稍后重新导出，或向其他节点索取。",
        (
            "A finality certificate has too few valid signatures[[: {reason}]]. Export it again later, or from "
            "another node."
        ),
    ),
    "EQUIVOCATION_INVALID": (
        "双重签名证明不成立[[：{reason}]]。该证明不可采信。",
        "The proof that a member signed two blocks does not hold[[: {reason}]]. Do not rely on it.",
    ),
    "HISTORY_INVALID": (
        "区块之间的衔接证明不成立[[：{reason}]]。该证明不可采信。",
        "The proof that links one block to another does not hold[[: {reason}]]. Do not rely on it.",
    ),
    "TRANSACTION_PROOF": (
        "交易包含证明不成立[[：{reason}]]。该证明不可采信。",
        "The proof that the transaction is in its block does not hold[[: {reason}]]. Do not rely on it.",
    ),
    "RECEIPT_PROOF": (
        "回执证明不成立[[：{reason}]]。该证明不可采信。",
        "The proof of the receipt does not hold[[: {reason}]]. Do not rely on it.",
    ),
    "MEMBER_PROOF": (
        "批次中单个文件的包含证明不成立[[：{reason}]]。请重新导出。",
        "The proof that a file belongs to its batch does not hold[[: {reason}]]. Export it again.",
    ),
    "ITEM_INVALID": (
        "存证条目的内容不符合规则[[：{reason}]]。该条目不可采信。",
        "The evidence item does not follow its rules[[: {reason}]]. Do not rely on it.",
    ),
    "OPENING_INVALID": (
        "盐值或原文与链上承诺不符[[：{reason}]]。请核对原文和盐值。",
        "The salt or value does not open the commitment[[: {reason}]]. Check both.",
    ),
    "STATUS_PROOF": (
        "状态证明不成立[[：{reason}]]，无法判断是否已撤回或被取代。请重新导出。",
        "The proof of status does not hold[[: {reason}]], so that withdrawal cannot be judged. Export it again.",
    ),
    "STATEMENT_ALTERED": (
        "证据包中的说明文字与所证明的内容不一致。请以验证结果为准，并重新获取证据包。",
        "The statement in the package differs from what it proves. Go by this report, and obtain the package again.",
    ),
    "PAPER_ALTERED": (
        "证书页面与所附证明包不符，页面内容不可采信。请以证明包的验证结果为准，并索取原文件。",
        (
            "The printed page is not the one made from the attached package; do not rely on it. Go by the package's "
            "own verification, and obtain the file as it was issued."
        ),
    ),
    "PAPER_SUBJECT": (
        "存证证书只为一条存证开具，该证明包不是[[：{reason}]]。请导出单条存证的证明包。",
        (
            "A certificate is drawn for one evidence record, and this package is not about one[[: {reason}]]. Export a "
            "package of one record."
        ),
    ),
    "PAPER_FONT": (
        "绘制证书所用的字体缺失或版本不符[[：{reason}]]。请重新安装本程序。",
        "The font that certificates are drawn with is missing or another[[: {reason}]]. Install this program again.",
    ),
    "ORIGINAL_DIFFERS": (
        "原文件与存证的摘要不一致，内容已不同[[：{path}]]。请查找当时的原件。",
        "The original differs from what was recorded[[: {path}]]. Look for the file as it was.",
    ),
    "TRUST_MISMATCH": (
        "所指的链不在信任依据之内[[：{reason}]]。请核对创世指纹。",
        "The chain is not one that you trust[[: {reason}]]. Compare the genesis fingerprints.",
    ),
    "NOT_FOUND": (
        "未找到[[：{reason}]]。请核对标识或查询条件。",
        "Nothing was found[[: {reason}]]. Check the identifier or the query.",
    ),
    "FILE_UNREADABLE": (
        "无法读取文件[[ {path}]][[：{reason}]]。请检查路径和权限。",
        "A file cannot be read[[: {path}]][[ ({reason})]]. Check its path and permissions.",
    ),
    "FILE_CHANGED": (
        "文件在读取过程中发生变化[[：{path}]][[（{reason}）]]，未予存证。请在其不再变化后重试。",
        (
            "A file changed while it was being read[[: {path}]][[ ({reason})]], and was refused. Try again "
            "when it is at rest."
        ),
    ),
    "FILE_KIND": (
        "不是普通文件[[：{path}]][[（{reason}）]]。链接、设备、套接字等不能使用。",
        "It is not a regular file[[: {path}]][[ ({reason})]]. Links, devices and sockets cannot be used.",
    ),
    "FILE_NAME_ENCODING": (
        "文件名不是 UTF-8[[：{path}]]。请改名后重试。",
        "The file's name is not UTF-8[[: {path}]]. Rename it and try again.",
    ),
    "FILE_TOO_LARGE": (
        "文件过大[[：{path}]][[，上限 {size_max} 字节]]。请核对是否选错文件。",
        "The file is too large[[: {path}]][[; the limit is {size_max} bytes]]. Check that it is the right one.",
    ),
    "FILE_UNWRITABLE": (
        "无法写入文件[[ {path}]][[：{reason}]]。请检查目录和权限。",
        "A file cannot be written[[: {path}]][[ ({reason})]]. Check the directory and its permissions.",
    ),
    "KEY_FILE_INVALID": (
        "密钥文件不符合格式[[ {path}]][[：{reason}]]。请核对文件，或从备份恢复。",
        (
            "The key file does not follow its format[[: {path}]][[ ({reason})]]. Check the file, or restore it "
            "from a backup."
        ),
    ),
    "KEY_FILE_PASSPHRASE": (
        "口令不正确，或密钥文件的加密部分已损坏[[：{path}]]。请核对口令。",
        (
            "The passphrase is wrong, or the encrypted part of the key file is damaged[[: {path}]]. Check the "
            "passphrase."
        ),
    ),
    "KEY_FILE_PERMISSIONS": (
        "文件可被他人访问，拒绝使用[[：{path}]][[（权限 {mode}）]]。请执行 chmod 600，并考虑更换密钥。",
        (
            "Others may access the file, so that it is not used[[: {path}]][[ (mode {mode})]]. Run chmod 600 "
            "on it, and consider replacing the key."
        ),
    ),
    "KEY_URI": (
        "密钥地址不可用[[（{scheme}）]][[：{reason}]]。请写成 file:路径。",
        "The key's address cannot be used[[ ({scheme})]][[: {reason}]]. Write file:PATH.",
    ),
    "KEY_FILE_EXISTS": (
        "该位置已有文件，未予覆盖[[：{path}]]。请换一个文件名。",
        "There is a file in that place already, which was not replaced[[: {path}]]. Choose another name.",
    ),
    "CIPHERTEXT_INVALID": (
        "密文无法解开[[：{reason}]]：密钥不符，或内容被改动、截断。请核对密钥和来源。",
        (
            "The ciphertext does not open[[ ({reason})]]: another key, or it was altered or cut. Check the key "
            "and the source."
        ),
    ),
    "WEBHOOK_SIGNATURE": (
        "推送消息的签名或时间不成立[[：{reason}]]。请丢弃该消息，并核对密钥和时钟。",
        (
            "The webhook message's signature or time does not hold[[: {reason}]]. Discard the message, and check the "
            "secret and the clock."
        ),
    ),
    "PASSPHRASE_UNUSABLE": (
        "没有可用的口令[[（{source}）]][[：须为 {length_min} 至 {length_max} 字节的一行文字]]。请另行提供。",
        (
            "There is no usable passphrase[[ ({source})]][[: it is one line of {length_min} to {length_max} "
            "bytes]]. Provide another."
        ),
    ),
    "USAGE": (
        "调用方式有误[[：{reason}]]。请查看帮助后重试。",
        "The call is wrong[[: {reason}]]. See the help and try again.",
    ),
    "INTERNAL": (
        "程序内部错误[[：{reason}]]，未作变更。请将此信息报告给维护者。",
        "An internal error occurred[[: {reason}]]; nothing was changed. Please report this to the maintainers.",
    ),
}
