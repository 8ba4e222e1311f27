"""Help texts: what each command does and what each option means."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "help.heading.arguments": ("参数", "Arguments"),
    "help.heading.options": ("选项", "Options"),
    "help.heading.commands": ("命令", "Commands"),
    "help.default": ("[默认：{value}]", "[default: {value}]"),
    "help.required": ("[必填]", "[required]"),
    # Commands
    "help.govchain": (
        "政链：面向政务服务的可证明账本。",
        "GovChain: a provable ledger for government services.",
    ),
    "help.epilog": (
        (
            "退出码：0 成立且可信；1 被拒绝；2 用法有误；3 自洽但签发方不可信；4 可信但已撤回或被取代；5 暂不可用。"
            " 各命令均接受 --json。设置 GOVCHAIN_DEBUG=1 可显示内部错误的详情。"
        ),
        (
            "Exit codes: 0 holds, trusted; 1 refused; 2 usage; 3 consistent but not trusted; 4 trusted but withdrawn "
            "or superseded; 5 unavailable. Every command takes --json. GOVCHAIN_DEBUG=1 shows internal errors in full."
        ),
    ),
    "help.init": ("新建一条链及其数据目录", "Make a chain and its data directory"),
    "help.chain": ("查看链的状态", "See where a chain stands"),
    "help.chain.status": ("显示链的高度、时间和指纹", "Height, time and fingerprint of the chain"),
    "help.evidence": ("数据存证：固定、查找、证明", "Evidence: anchor, find and prove files"),
    "help.evidence.put": (
        "存证一个文件，或将文件夹中的多个文件作为一个批次存证",
        "Anchor a file, or the files of folders as one batch",
    ),
    "help.evidence.find": (
        "按文件、摘要、标识、业务编号、提交者或时间查找存证，并逐一验证",
        "Find records by file, digest, id, reference, submitter or time, each proved",
    ),
    "help.evidence.show": ("显示一项存证及其现状", "One record and whether it stands"),
    "help.evidence.history": ("显示一项存证的全部经过", "Everything that happened to a record"),
    "help.evidence.supplement": ("为已有存证补充一个文件", "Add a file to an earlier record"),
    "help.evidence.supersede": (
        "以新文件取代已有存证；原存证保留并作标记",
        "Put a file in a record's place, which stays, marked",
    ),
    "help.evidence.withdraw": ("将存证标记为已撤回；不删除任何内容", "Mark a record as withdrawn; nothing is deleted"),
    "help.evidence.export": ("导出任何人都能离线验证的证据包", "Write a package that anyone can verify offline"),
    "help.verify": ("离线验证证据包，不需要网络和节点", "Verify an evidence package offline: no network, no node"),
    "help.trust": ("管理本人信任的创世文件和区块头", "What you trust: genesis files and headers"),
    "help.trust.add": ("信任一个创世文件或带凭证的区块头", "Trust a genesis or certified header file"),
    "help.trust.list": ("列出信任的内容", "List what is trusted"),
    "help.trust.remove": ("不再信任某项", "Trust something no longer"),
    "help.account": ("管理可以签名的账户", "Who may sign"),
    "help.account.list": ("列出账户", "List the accounts"),
    "help.account.show": ("显示一个账户的现状", "One account as it is now"),
    "help.account.register": ("在本机构下登记账户", "Add an account to your organisation"),
    "help.account.freeze": ("冻结账户", "Stop an account"),
    "help.account.unfreeze": ("解除冻结", "Lift a freeze"),
    "help.key": ("密钥、签名与验签", "Keys, signatures and their checks"),
    "help.key.new": ("新建密钥，存入加密文件", "Make a key in an encrypted file"),
    "help.key.show": ("显示公钥、密钥标识和账户地址", "A key's public half, id and account"),
    "help.key.sign": ("对文件签名", "Sign a file"),
    "help.key.verify": ("验证签名，包括其他工具的 DER 签名", "Check a signature, also other tools' DER ones"),
    "help.block": ("查看区块", "Read blocks"),
    "help.block.list": ("列出区块，最新的在前", "Blocks, newest first"),
    "help.block.show": ("显示一个区块并核对其内容", "One block, checked against its content"),
    "help.tx": ("查看交易", "Read transactions"),
    "help.tx.show": ("显示一笔交易及其回执", "One transaction and its receipt"),
    "help.genesis": ("查看和核对创世文件", "Read and check genesis files"),
    "help.genesis.show": ("显示创世文件的内容和指纹", "What a genesis file says, and its fingerprint"),
    "help.genesis.verify": ("核对创世文件的格式和指纹", "Check a genesis file's form and fingerprint"),
    "help.doctor": ("全面检查数据目录，不作改动", "Check the data directory from end to end, changing nothing"),
    "help.bench": ("测量性能", "Measure"),
    "help.bench.sm2": ("SM2 验签速度，与 OpenSSL 同场比较", "SM2 verification beside OpenSSL"),
    "help.bench.join": (
        "新节点加入的耗时：经快照，与逐块执行",
        "How long a new node takes: by a snapshot, and by every block",
    ),
    "help.bench.net": (
        "多节点网络的吞吐量、时延、空闲开销，以及与引擎空载之比",
        "Throughput, latency and idle cost of a network of nodes, beside its engine alone",
    ),
    "help.bench.api": (
        "HTTP 接口的吞吐量、时延、订阅与耗时分布",
        "Throughput, latency, subscribers and where the time goes, over HTTP",
    ),
    "help.bench.ledger": ("存证交易的吞吐量与时延", "Throughput and latency of evidence transactions"),
    "help.demo": ("从空文件夹开始演示完整过程", "The whole job from an empty folder"),
    "help.version": ("显示版本", "Show versions"),
    # Global options
    "option.json": ("以一个 JSON 文档输出，便于程序读取", "Print one JSON document, for programs"),
    "option.lang": ("输出语言；默认取自系统区域设置", "Language of the output; by default the locale's"),
    "option.data": (
        "数据目录；默认为当前目录或最近的上级数据目录",
        "Data directory; by default the current one or the nearest above it",
    ),
    # Making a chain
    "option.init_dir": ("新数据目录的位置，须不存在或为空", "Where to make the data directory: absent or empty"),
    "option.chain": (
        "链标识：3 至 32 个小写字母、数字或连字符",
        "Chain id: 3 to 32 lower-case letters, digits, hyphens",
    ),
    "option.organisation": ("本机构的统一社会信用代码", "Your organisation's unified social credit code"),
    "option.organisation_name": ("本机构的名称", "Your organisation's name"),
    "option.suite": ("密码套件：gm（国密，默认）或 international", "Algorithms: gm (the default) or international"),
    "option.algorithms": (
        "允许交易使用的签名算法，可多次给出",
        "Signature algorithm that transactions may use; repeatable",
    ),
    # Evidence
    "option.paths": ("要存证的文件或文件夹", "Files and folders to anchor"),
    "option.file": ("要存证的文件", "The file to anchor"),
    "option.reference": ("业务编号；公开，请勿填写个人信息", "Business reference; public, so never personal"),
    "option.public_name": (
        "公开文件名；默认只在链上存加盐承诺",
        "Make file names public; by default the ledger holds a salted commitment",
    ),
    "option.private_content": (
        "不公开内容摘要，只存加盐承诺",
        "Keep the content's digests private too, behind a salted commitment",
    ),
    "option.skip_bad": (
        "跳过无法存证的成员并列出；默认整批拒绝",
        "Leave out members that cannot be taken, and list them; by default all is refused",
    ),
    "option.batch_size": ("每个批次的文件数，最多 100000", "Files of one batch, at most 100,000"),
    "option.key": (
        "签名密钥：名称、文件路径或 URI；默认为配置档中的密钥，数据目录中为 department",
        "Key that signs: a name, a path or a URI; by default the profile's, in a data directory department",
    ),
    "option.evidence": (
        "存证标识；批次中的单个文件写作 标识.序号",
        "Id of the record; ID.N for one file of a batch",
    ),
    "option.find": ("文件、SM3 或 SHA-256 摘要，或存证标识", "A file, an SM3 or SHA-256 digest, or a record's id"),
    "option.account_filter": ("只找该账户提交的存证", "Only records that this account made"),
    "option.from": ("起始时间（含），如 2024-05-01 或 RFC 3339", "From this time on, such as 2024-05-01 or RFC 3339"),
    "option.to": ("截止时间（不含）", "Before this time"),
    "option.limit": ("最多显示的条数", "How many at most"),
    "option.reason": ("原因：重复、有误、过期、依法处置或其他", "Why"),
    "option.output": ("证据包的文件名", "The package's file name"),
    "option.envelope_out": (
        "只签名并写入该文件，由其他程序发送；五分钟内有效",
        "Only sign, into this file, for another program to send; good for five minutes",
    ),
    "option.disclose": (
        "在证据包中揭示的私密字段，可多次给出",
        "Private field to open in the package; repeatable",
    ),
    "option.anchor": (
        "证明第 N 区块属于同一段历史，供信任该区块头者核验，可多次给出；本人信任库中的区块头自动加入",
        (
            "Show that block N is part of this past, for those who trust its header; repeatable; your own trusted "
            "headers are shown anyway"
        ),
    ),
    "option.force": ("覆盖已有文件", "Replace an existing file"),
    # Verification and trust
    "option.package": ("证据包", "The evidence package"),
    "option.original": ("据称的原件，将核对大小和两种摘要", "The file that is said to be the original"),
    "option.trust": (
        "信任的创世文件或区块头，可多次给出；不写入信任库",
        "Genesis or header to trust in this run; repeatable",
    ),
    "option.trust_file": ("创世文件，或带终局凭证的区块头文件", "A genesis file, or a certified header file"),
    "option.trust_name": ("指纹，或其前八位以上", "The fingerprint, or at least its first eight digits"),
    # Accounts
    "option.address": ("账户地址，或唯一的账户名称", "The account's address, or its name where only one has it"),
    "option.public_key": (
        "公钥：十六进制、PEM 文件，或密钥文件的名称或路径",
        "Public key: hex, a PEM file, or the name or path of a key file",
    ),
    "option.label": ("账户名称；公开，请勿填写个人信息", "The account's name; public, so never personal"),
    "option.role": ("角色，可多次给出；默认 department", "Role; repeatable; department by default"),
    "option.administrator": ("可管理本机构的账户", "May manage the organisation's accounts"),
    "option.administrator_key": (
        "管理员的密钥；默认为配置档中的密钥，数据目录中为 operator",
        "The administrator's key; by default the profile's, in a data directory operator",
    ),
    "option.freeze_reason": ("冻结原因", "Why it is stopped"),
    # Keys
    "option.algorithm": (
        "算法：sm2-sm3、ecdsa-p256-sha256、ed25519 或 rsa-pss-sha256",
        "sm2-sm3, ecdsa-p256-sha256, ed25519 or rsa-pss-sha256",
    ),
    "option.new_key": (
        "名称（存入数据目录；对节点工作时存入本人文件夹的 keys）或新文件的路径",
        "A name (kept in the data directory, or for a node in keys of your own folder) or a new file's path",
    ),
    "option.key_name": ("数据目录中的密钥名称、文件路径或 URI", "A key's name in the data directory, its path or URI"),
    "option.any_key": (
        "密钥名称、密钥文件、PEM 公钥文件或十六进制公钥",
        "A key's name, a key file, a PEM public key, or a public key in hex",
    ),
    "option.message": ("被签名的文件", "The file that is signed"),
    "option.signature": ("签名：文件或十六进制；原始格式或 DER", "The signature: a file or hex, raw or DER"),
    "option.signature_out": ("签名写入的文件；默认以十六进制显示", "Where to write it; by default shown in hex"),
    "option.der": ("以 DER 编码输出，供其他工具使用", "In DER, for other tools"),
    "option.challenge": (
        "该文件是 --node 所给出的登录质询：核对地址、链、账户和时限后签名",
        "The file is the login challenge of --node: sign it as one, if address, chain, account and time are right",
    ),
    "option.signer_id": ("SM2 签名者标识；默认 1234567812345678", "SM2 signer's ID; 1234567812345678 by default"),
    # Ledger
    "option.height": ("区块高度", "The block's height"),
    "option.before": ("只列低于该高度的区块", "Only blocks below this height"),
    "option.export_header": (
        "另存为可供他人信任的区块头文件",
        "Also write a certified header file that others can trust",
    ),
    "option.transaction": ("交易标识", "The transaction's id"),
    "option.body_file": ("另存被签名的原始字节，供其他工具核对", "Also write the signed bytes, for other tools"),
    "option.genesis_file": ("创世文件", "The genesis file"),
    "option.fingerprint": ("事先得知的指纹", "The fingerprint that you were told"),
    # Operations
    "option.quick": ("只查衔接与凭证，不重放区块", "Links and certificates only, without executing blocks again"),
    "option.json_file": ("另存 JSON 结果", "Also write the JSON result there"),
    "option.bench_api_transactions": ("每轮的交易数", "Transactions of each run"),
    "option.bench_batch": ("每次请求的交易数（批量）", "Transactions of one request, in batches"),
    "option.bench_clients": ("客户端进程数", "Client processes"),
    "option.bench_connections": ("每个客户端的连接数", "Connections of each client"),
    "option.bench_api_seconds": ("查询与半负载测量的秒数", "Seconds of reads and of half load"),
    "option.bench_net_seconds": ("吞吐量测量的秒数", "Seconds of the throughput measurement"),
    "option.bench_idle": ("空闲测量的秒数，0 表示不测", "Seconds without load; 0 for none"),
    "option.bench_reference": ("引擎空载应用对照的秒数，0 表示不测", "Seconds of the engine alone; 0 for none"),
    "option.bench_validators": ("节点数，0 表示按引擎默认", "Nodes; 0 for as many as the engine wants"),
    "option.bench_pause": ("最后让全部节点停顿 20 秒再恢复", "At the end let all nodes stand still for 20 seconds"),
    "option.bench_subscribers": ("空闲的事件订阅数", "Subscribers that only listen"),
    "option.bench_keys": ("重复使用的密钥数", "Repeating keys"),
    "option.bench_signatures": ("每次测量的签名数", "Signatures of one measurement"),
    "option.bench_seconds": ("每次 OpenSSL 测量的秒数", "Seconds of each OpenSSL measurement"),
    "option.bench_blocks": ("链的区块数", "Blocks of the chain"),
    "option.bench_block_transactions": ("每个区块的交易数", "Transactions of each block"),
    "option.bench_transactions": ("交易总数", "Transactions in all"),
    "option.bench_bytes": ("每笔交易的字节数", "Bytes of one transaction"),
    "option.bench_accounts": ("签名账户数", "Accounts that sign"),
    "option.bench_half_load": ("半负载测量的秒数", "Seconds at half load"),
    "option.bench_dir": ("测量所用的文件夹", "Folder to measure in"),
    "option.demo_dir": (
        "演示所用的文件夹，须不存在或为空；演示后保留",
        "Folder to work in, absent or empty; it is kept",
    ),
    "option.demo_files": (
        "要存证的文件夹；默认为 Python 自带的文件",
        "Folder to anchor; Python's own library by default",
    ),
    "option.demo_verifier": ("独立验证程序的路径", "Path of the stand-alone verifier"),
}
