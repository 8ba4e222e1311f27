"""Sentences of the node's settings: ``setting.NAME`` for each row of ``node.settings``."""

from __future__ import annotations

__all__ = ["SENTENCES"]

_PAIRS: dict[str, tuple[str, str]] = {
    "listen": (
        "监听的地址和端口；端口为 0 时由系统选定",
        "address and port to listen on; port 0 lets the system choose",
    ),
    "listen_file": ("启动后写入监听地址的文件，结束时删除", "file that tells the address while the node runs"),
    "tls_certificate": (
        "TLS 证书链文件（PEM）；文件更换后自动生效，无需重启",
        "file with the TLS certificate chain (PEM); a replaced file is taken without a restart",
    ),
    "tls_key": ("TLS 私钥文件（PEM，不加密）", "file with the TLS private key (PEM, not encrypted)"),
    "reads": (
        "谁可以检索和列表：session 须登录，open 对所有人开放，closed 一切读取都须登录",
        "who may search and list: session needs a login, open needs none, closed needs one for every read",
    ),
    "verify": (
        "是否开放由节点代为核验证据包（POST /v1/verify）",
        "whether the node verifies packages for others (POST /v1/verify)",
    ),
    "cors_origins": (
        "允许从浏览器跨域调用的来源（协议、主机和端口，不含 null 和 *），逗号分隔",
        "web origins (scheme, host, port; neither null nor *) that may call from a browser, separated by commas",
    ),
    "public_urls": (
        "客户端登录本节点所用的地址（URL），逗号分隔；节点自身的 IP 地址无需列出",
        "addresses (URLs) at which clients call this node, for logins; its own IP address needs no mention",
    ),
    "session_minutes": ("会话的有效时间", "how long a session lasts"),
    "certificate_url": (
        "印在存证证书及其二维码中的查询地址",
        "address that certificates and their QR codes name",
    ),
    "body_bytes_max": ("一次请求正文的上限", "limit of a request's body"),
    "envelopes_max": ("一次请求的交易数上限", "limit of transactions in one request"),
    "header_bytes_max": ("请求行与请求头的上限", "limit of a request's line and headers"),
    "header_ms_max": ("请求头须在此时间内到齐", "time in which a request's headers must have come"),
    "body_ms_max": ("请求正文须在此时间内到齐", "time in which a request's body must have come"),
    "answer_ms_max": (
        "一次请求的处理时限（等待上链和长连接除外）",
        "time limit of a request, but for waiting for a commit and streams",
    ),
    "wait_ms_max": ("等待上链的最长时间", "longest wait for a commit"),
    "idle_ms_max": ("空闲连接在此时间后关闭", "time after which an idle connection is closed"),
    "connections_max": (
        "连接数上限；达到时关闭空闲最久的连接",
        "limit of open connections; at it the one idle for longest is closed",
    ),
    "rate_address": ("每个地址每秒请求数上限，0 为不限", "requests a second for each address; 0 for no limit"),
    "rate_session": ("每个会话每秒请求数上限，0 为不限", "requests a second for each session; 0 for no limit"),
    "streams_max": ("同时打开的事件流上限", "limit of event streams that are open at once"),
    "streams_per_session": ("每个会话同时打开的事件流上限", "limit of event streams of one session"),
    "stall_ms_max": (
        "事件流的客户端接收一批事件的时限；超时即切断连接",
        "time in which a stream's client must take what it was sent (up to 200 events) before it is cut off",
    ),
    "webhooks": (
        "是否向登记的地址推送事件",
        "whether events are sent to registered targets (webhooks)",
    ),
    "webhooks_max": ("推送登记总数上限", "limit of webhooks in all"),
    "webhooks_per_account": ("每个账户的推送登记上限", "limit of webhooks of one account"),
    "webhook_networks": (
        "允许推送的内部网段（CIDR），逗号分隔；默认只允许公网地址",
        "private networks (CIDR) that webhooks may reach, separated by commas; by default only public addresses",
    ),
    "webhook_http": ("是否允许用不加密的 http 推送", "whether webhooks may use http without encryption"),
    "webhook_ca": (
        "核验推送目标 TLS 证书的根证书文件（PEM）；默认用系统的",
        "file with the root certificates (PEM) for webhook targets; default: the system's",
    ),
    "webhook_attempts": ("一次推送的尝试次数上限", "attempts of a delivery before it becomes a dead letter"),
    "webhook_ms_max": ("一次推送尝试的时限", "time limit of one attempt to deliver"),
    "index": ("是否建立查询库（检索与统计）", "whether the node keeps an index for searches and counts"),
    "index_url": (
        "查询库的数据库地址；默认为数据目录内的 SQLite 文件，口令请放在 PGPASSWORD 或 ~/.pgpass",
        "the index's database; default: a SQLite file in the data directory; give passwords by PGPASSWORD or ~/.pgpass",
    ),
    "peers_listen": (
        "其他节点连接本节点的监听地址；缺省为成员文件中的地址",
        "where this node listens for other nodes; default: the address in its member file",
    ),
    "engine_listen": (
        "引擎监听其他引擎的地址；缺省为成员文件中的地址",
        "where this node's engine listens for other engines; default: the address in the member file",
    ),
    "engine_path": (
        "引擎程序所在的文件夹；缺省依次查找 GOVCHAIN_ENGINES、源码旁的 engines/bin 和 PATH",
        "folder of the engines' programs; default: GOVCHAIN_ENGINES, engines/bin of the sources, PATH",
    ),
    "votes": (
        "引擎是否参与表决（仅 cometbft）；关闭后节点只跟随；SIGHUP 后生效，无需重启",
        "whether the engine votes (cometbft only); without it the node follows; taken at SIGHUP, without a restart",
    ),
    "chain_ports": (
        "经表决创建的链所用端口的起点：第 n 条链自其上 3(n-1) 起用三个（接口、节点间、引擎）；0 表示本节点不承载",
        (
            "first port for chains that were created by vote: the n-th uses the three (API, nodes, engine) from 3(n-1) "
            "ports above; 0: this node hosts none"
        ),
    ),
    "chains_stopped": (
        "经表决停止的链是否继续提供查询",
        "whether chains that were stopped by vote are still served for reading",
    ),
    "stopped": (
        "是否不再接收交易，用于经表决停止的链；SIGHUP 后生效；重启后不再排序，只供查询",
        (
            "whether no transaction is taken any more, as of a chain that was stopped by vote; taken at SIGHUP; after "
            "a restart nothing is ordered, and the data are read"
        ),
    ),
    "forward_to": (
        "交易须另有多少个节点持有才算已接收（202）；这些节点中一个停机也不会丢失",
        "how many other nodes must hold a transaction before it counts as received (202): it outlives this node then",
    ),
    "join": (
        "新节点加入运行中的链：snapshot 先取经成员签名证明的快照，blocks 从第一个区块起逐块执行",
        "how a new node joins a running chain: snapshot takes one that members' signatures prove, blocks executes all",
    ),
    "snapshot_blocks": (
        "为新加入节点制作快照的最小间隔区块数；快照在检查点上制作，保留最新三个；0 表示不制作",
        "blocks between two snapshots for joiners, at least; made at checkpoints, the newest three are kept; 0: none",
    ),
    "prune_behind_max": (
        "裁剪时仍为其保留区块的落后节点最多落后的区块数；落后更多的节点以快照加入",
        "blocks that a connected member may be behind and still keep what it lacks from being pruned",
    ),
    "block_wait_ms": (
        "首个交易到达后等待更多交易再出块的时间",
        "how long a block's first transaction waits for others",
    ),
    "pool_share_percent": (
        "任一其他节点转发的交易最多占暂存池的百分比",
        "percent of the pool that any one other node may fill with what it forwards",
    ),
    "pool_transactions_max": ("等待出块的交易数上限", "transactions that may wait for a block"),
    "pool_bytes_max": ("等待出块的交易总字节数上限", "bytes of transactions that may wait for a block"),
    "backup_dir": (
        "存放备份的文件夹，应在另一块磁盘上；为空则节点不做备份",
        "folder for backups, best on another disk; empty: the node makes none",
    ),
    "backup_every_min": ("定期备份的间隔；0 为只按要求备份", "from one backup to the next; 0: only on request"),
    "archive_to": (
        "存放区块归档的文件夹，宜在另一块磁盘；留空则不归档",
        "folder for archives of blocks, best on another disk; empty: the node makes none",
    ),
    "archive_every_min": ("定期归档的间隔；0 为只按要求归档", "from one archiving to the next; 0: only on request"),
    "retain": (
        "本节点保留完整内容的最新区块数，更早且已归档的将被裁剪；0 为全部保留",
        "newest blocks that the node keeps whole; older ones that are archived are pruned; 0: it keeps all",
    ),
    "backup_keep": ("保留的定期备份数，多出的从最旧的删除", "scheduled backups that are kept; older ones are removed"),
    "log_format": (
        "日志格式：json 每行一个对象，console 便于人读，auto 在终端用 console、其余用 json",
        "form of the log: json, one object a line; console, for people; auto, console at a terminal and json elsewhere",
    ),
    "log_level": (
        "日志级别；运行中可经 SIGHUP 或运维接口更改",
        "level of the log; changed at run time by SIGHUP or by the operators' route",
    ),
    "log_file": ("日志文件；缺省写到标准错误", "file of the log; default: standard error"),
    "log_bytes_max": (
        "日志文件达到此大小后换新文件，0 为不换（由 logrotate 处理时）",
        "size at which a new log file is begun; 0 for never, as with logrotate",
    ),
    "log_files": ("保留的旧日志文件数", "older log files that are kept"),
    "metrics": ("是否开放指标（GET /metrics）", "whether the node tells metrics (GET /metrics)"),
    "ntp_servers": (
        "用于核对时钟的 NTP 服务器，主机或 主机:端口，逗号分隔；建议三个以上；缺省不核对",
        "NTP servers to compare the clock with, HOST or HOST:PORT, separated by commas; best three; default: none",
    ),
    "clock_drift_ms_max": (
        "时钟偏差超过此值即告警",
        "the node says that its clock drifts when it is off by more than this",
    ),
    "read_threads": ("用于应答读取的线程数", "threads that answer reads"),
    "verifier_threads": ("用于验签的线程数", "threads that verify signatures"),
    "drain_ms_max": ("停止时等待在途请求的最长时间", "longest wait for requests under way when stopping"),
}

#: ``setting.NAME`` to its sentence in each language.
SENTENCES: dict[str, dict[str, str]] = {
    f"setting.{name}": {"zh": chinese, "en": english} for name, (chinese, english) in _PAIRS.items()
}
