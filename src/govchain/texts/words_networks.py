"""Words of the genesis ceremony, of a node's keys, and of networks on one machine."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its words, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    # The genesis ceremony
    "help.genesis.assemble": (
        "由各成员的成员文件合成创世文件；同样的文件总得到同样的结果",
        "One genesis from the members' files: the same files always give the same bytes",
    ),
    "help.genesis.sign": (
        "以本节点的成员密钥签署创世文件（用 --data 指明节点的文件夹）",
        "Agree to a genesis with this node's member key (--data names the node's folder)",
    ),
    "option.member_files": ("各成员的成员文件（member.json）", "The members' files (member.json of each)"),
    "option.rule": (
        "签名规则：bft 可容忍作恶的成员，raft 只容忍停机",
        "Quorum rule: bft goes on though members lie, raft only though they are down",
    ),
    "option.genesis_out": ("写入创世文件的位置", "Where to write the genesis file"),
    "option.genesis_limits": (
        "链的上限之一，如 block_bytes_max=2097152，可多次给出",
        "A limit of the chain, such as block_bytes_max=2097152; may be given several times",
    ),
    "option.genesis_signatures": ("各成员的签名文件", "The members' signature files"),
    "genesis.rules": ("规则只能是 bft 或 raft，而不是 {given}", "the rule is bft or raft, not {given}"),
    "genesis.limit_unknown": (
        "--limit {given} 无法识别；写作 名称=整数，名称为：{known}",
        "--limit {given} is none; it is NAME=INTEGER with one of {known}",
    ),
    "genesis.whose_key": (
        "请用 --data 指明以哪个节点的密钥签署",
        "name the node whose key signs with --data DIR",
    ),
    "genesis.next_sign": (
        "下一步：把 {path} 发给各成员；各自执行 govchain --data DIR genesis sign {path}，并互换签名文件。",
        (
            "Next: send {path} to the members; each runs govchain --data DIR genesis sign {path}, and all exchange the "
            "signature files."
        ),
    ),
    "genesis.signed": (
        "{name} 已签署创世文件（指纹 {fingerprint}），签名写入 {path}。请通过可靠途径与其他成员核对指纹。",
        (
            "{name} agreed to the genesis with fingerprint {fingerprint}; the signature is in {path}. Compare the "
            "fingerprint with the other members in a way that you trust."
        ),
    ),
    "genesis.not_yet": ("未签署", "not yet"),
    "genesis.rule.bft": (
        "{members} 个成员；每个区块须有 {quorum} 个成员签名；{may} 个成员停机或作恶时链照常运行。",
        "{members} members; {quorum} must sign each block; with {may} of them down or lying the chain goes on.",
    ),
    "genesis.rule.raft": (
        "{members} 个成员；每个区块须有 {quorum} 个成员签名；{may} 个成员停机时链照常运行；各成员须彼此信任。",
        (
            "{members} members; {quorum} must sign each block; with {may} of them down the chain goes on; the members "
            "must trust each other."
        ),
    ),
    "genesis.rule.solo": (
        "{members} 个成员，独自签署每个区块（{quorum}/{members}，容忍 {may}）。",
        "{members} member that signs each block alone ({quorum} of {members}, {may} may fail).",
    ),
    "genesis.none_may_fail": (
        "注意：任何一个成员停机，链即停止出块。BFT 至少四个成员、Raft 至少三个成员才能容忍一个。",
        "Mind: with any one member down no block is made. To bear the loss of one, BFT takes four members, Raft three.",
    ),
    "genesis.false": ("签名文件 {file} 不成立：{reason}（{code}）", "{file} is no valid signature: {reason} ({code})"),
    "genesis.missing": (
        "尚缺 {name}（{organisation}，密钥 {mark}…）的签名。",
        "The signature of {name} ({organisation}, key {mark}…) is missing.",
    ),
    "genesis.complete": (
        "全部成员均已签署。下一步：各自执行 govchain node init DIR GENESIS FILES…，然后 govchain up DIR。",
        "Every member signed. Next: each runs govchain node init DIR GENESIS FILES..., then govchain up DIR.",
    ),
    "label.member": ("成员", "member"),
    "label.engine_key": ("引擎公钥", "engine key"),
    "label.tls_key": ("TLS 密钥摘要", "TLS key digest"),
    "label.agreed": ("签署", "agreed"),
    # A node of several
    "help.node": ("多机构链上的一个节点：密钥与数据目录", "A node of a chain of several organisations"),
    "help.node.keys": (
        "生成节点的全部密钥，以及发给其他成员的成员文件",
        "Make a node's keys, and the signed member file that goes to the others",
    ),
    "help.node.init": (
        "用创世文件和各成员的文件，把密钥所在的文件夹建成数据目录",
        "Make the folder with a node's keys its data directory, from genesis and the members' files",
    ),
    "option.node_dir": ("节点的文件夹", "The node's folder"),
    "option.chain_agreed": ("各成员商定的链标识", "The chain's id, as all members agreed"),
    "option.node_name": ("节点的名称；默认为文件夹名", "The node's name; by default that of the folder"),
    "option.address_peers": (
        "其他节点连接本节点的地址（主机:端口）",
        "Where other nodes reach this one",
    ),
    "option.address_engine": (
        "其他节点的引擎连接本节点引擎的地址（主机:端口）",
        "Where other nodes' engines reach this node's engine",
    ),
    "option.address_api": ("接口的地址（URL），可不填", "The API's URL, if it is to be known"),
    "option.engine_kind": ("引擎：cometbft（BFT）或 etcd（Raft）", "The engine: cometbft (BFT) or etcd (Raft)"),
    "help.node.admit": (
        "把其他成员的成员文件放入数据目录，节点运行中亦可",
        "Lay other members' files into a data directory, also while its node runs",
    ),
    "node.admitted": (
        "已放入：{names}。账本接纳这些成员后，节点即与其通信。",
        "Laid in: {names}. The node speaks with them once the ledger names them.",
    ),
    "option.join": (
        "节点不在创世成员之列，作为跟随者加入，之后可经表决成为成员",
        "The node is none of those that genesis names: it follows, and may be voted in later",
    ),
    "node.keys_made": ("已为节点 {name} 生成密钥：{path}", "Made the keys of node {name} in {path}"),
    "node.next_send": (
        "下一步：把 {path} 发给汇总创世文件的成员。密钥文件不要发给任何人。",
        "Next: send {path} to whoever assembles the genesis. The key files go to nobody.",
    ),
    "node.founded": ("链 {chain} 的数据目录已建成：{path}", "The data directory of chain {chain} is ready: {path}"),
    "node.follows": (
        "节点 {name} 不是创世成员：它跟随该链，经表决后才参与签名。",
        "Node {name} is no member of genesis: it follows the chain, and signs once it was voted in.",
    ),
    "node.next_up": ("下一步：govchain up {path}", "Next: govchain up {path}"),
    # Networks on one machine
    "help.net": ("在本机运行由多个真实节点组成的网络", "Networks of real nodes on this machine"),
    "help.net.create": (
        "新建网络：各节点的密钥、创世文件、数据目录和端口",
        "Make a network: keys, genesis, directories, ports",
    ),
    "help.net.start": ("启动节点，直到全部可用", "Start the nodes and wait until all are healthy"),
    "help.net.stop": ("有序停止节点", "Stop the nodes in good order"),
    "help.net.status": ("各节点的现状", "Where each node stands"),
    "help.net.logs": ("各节点的日志，按时间合并，或只看一个", "The nodes' logs, merged by time, or one alone"),
    "help.net.compare": (
        "比较各节点在每个高度的区块是否相同",
        "Whether the nodes have the same block at every height",
    ),
    "option.net_wait": ("等待落后节点追上的秒数", "Seconds to wait for nodes that are behind"),
    "net.same": (
        "{nodes} 个节点在高度 1 至 {height} 的区块全部相同；最高区块 {identity}",
        "{nodes} nodes have the same block at every height from 1 to {height}; the newest is {identity}",
    ),
    "help.net.add_node": (
        "新增一个机构及其节点，经表决使其成为成员",
        "One organisation and node more, voted in as a member",
    ),
    "help.net.remove_node": ("经表决移除一个成员，并停止其节点", "Vote a member out, and stop its node"),
    "help.node.renew": (
        "允许 etcd 数据已丢失的另一成员以新成员身份回到引擎",
        "Let another member whose etcd lost its data come back to the engine as a new one",
    ),
    "node.renewed": (
        "{name} 已从 etcd 移出，随即作为新成员加入；其节点会自动跟上",
        "{name} was taken out of etcd and is added anew; its node comes back by itself",
    ),
    "help.net.rebuild_node": (
        "重建丢失的节点：经表决换用新密钥，从其他节点取得账本",
        "Make a lost node anew: new keys by vote, its ledger from the others",
    ),
    "net.rebuilt": ("{name} 已重建；{seconds} 秒后重新参与表决", "{name} is made again; it voted after {seconds} s"),
    "net.signed": ("区块 {height} 带有其新密钥的签名", "Block {height} carries a signature of its new key"),
    "net.idle": ("链上暂无新区块可签", "No new block came that it could have signed"),
    "help.net.consensus": ("一个节点的共识服务：停止或恢复表决", "A node's part in consensus: end or begin its voting"),
    "help.net.consensus.stop": (
        "停止节点的表决；节点继续跟随该链",
        "End a node's voting; it follows the chain all the same",
    ),
    "help.net.consensus.start": ("恢复节点的表决", "Let a node vote again"),
    "net.votes": ("{name} 参与表决", "{name} votes"),
    "net.votes_not": ("{name} 不再表决，只跟随该链", "{name} votes no more and follows the chain"),
    "option.net_node": ("节点的名称，如 node-1", "The node's name, such as node-1"),
    "net.joining.keys": ("{name} 的密钥和成员文件已生成", "{name} has its keys and its member file"),
    "net.joining.voted": ("各机构已表决接纳 {name}", "the organisations voted {name} in"),
    "net.joining.follows": ("{name} 已跟上该链", "{name} follows the chain"),
    "net.joining.active": ("{name} 已是签名成员", "{name} signs as a member"),
    "net.added": ("已加入：{name}，{url}", "Added: {name}, {url}"),
    "net.removed": ("已移除：{name}；其账本保留在 {path}", "Removed: {name}; its ledger stays in {path}"),
    "net.gone": ("{name} 已被移除", "{name} was removed already"),
    "option.net_dir": ("网络的文件夹", "The network's folder"),
    "option.validators": (
        "节点数；默认 cometbft 为四、etcd 为三，正好容忍失去一个",
        "How many nodes; by default four with cometbft, three with etcd, which bears the loss of one",
    ),
    "option.net_nodes": ("只针对这些节点", "These nodes only"),
    "option.net_watch": ("持续显示，直到 Ctrl-C", "Keep showing, until Ctrl-C"),
    "option.net_interval": ("两次查看之间的毫秒数", "Milliseconds between two looks"),
    "option.log_rows": ("每个节点显示的最后行数", "Last lines of each node"),
    "option.log_follow": ("持续显示新行，直到 Ctrl-C", "Go on with new lines, until Ctrl-C"),
    "net.organisation": ("示例机构 {number}", "Example organisation {number}"),
    "net.created": (
        "网络已建成：{path}，链 {chain}，{nodes} 个节点（{engine}）。下一步：govchain net start {path}",
        "The network is made: {path}, chain {chain}, {nodes} nodes ({engine}). Next: govchain net start {path}",
    ),
    "net.made": ("已建 {name}", "made {name}"),
    "net.healthy": ("{name} 已就绪：{url}", "{name} is ready: {url}"),
    "net.started": (
        "{nodes} 个节点在运行。现状：govchain net status {path}",
        "{nodes} nodes run. See govchain net status {path}",
    ),
    "net.stopped": ("已停止：{names}", "Stopped: {names}"),
    "net.nothing_runs": ("没有节点在运行。", "No node is running."),
    "net.killed": ("{name} 未按时结束，已强行终止", "{name} did not end in time and was killed"),
    "net.state.ready": ("就绪", "ready"),
    "net.state.unready": ("不可用：{reason}", "not ready: {reason}"),
    "net.state.waiting": ("等待中：{reason}", "waiting: {reason}"),
    "net.state.halted": ("已停止排序：{reason}", "halted: {reason}"),
    "net.state.stopped": ("未运行", "stopped"),
    "net.state.removed": ("已移除", "removed"),
    "net.waiting": (
        "{name} 有交易在等待，尚缺以下成员的投票：{missing}",
        "{name} has transactions waiting, and no vote yet of: {missing}",
    ),
    # The demonstration
    "help.demo.net": (
        "多个机构、一个账本：建网、存证、断电、恢复、比对，逐条命令演示",
        "Several organisations, one ledger: made, used, hurt, healed and compared, command by command",
    ),
    "demo.heading.net_create": (
        "为每个机构生成密钥，合成并由全部机构签署创世文件，建成各节点的数据目录；应建成网络。",
        "Keys for every organisation, a genesis that all sign, a directory for each node; the network should be made.",
    ),
    "demo.heading.net_start": (
        "启动全部节点；应全部就绪。",
        "Every node is started; all should be ready.",
    ),
    "demo.heading.net_anchor": (
        "经第一个节点把一个文件夹存证；应得到一个存证标识，并由法定数的机构签名。",
        "A folder is anchored through the first node; it should get one evidence ID, final by a quorum's signatures.",
    ),
    "demo.heading.net_anchor_one": (
        "另存证一个文件；应得到它自己的标识。",
        "One more file is anchored; it should get an evidence ID of its own.",
    ),
    "demo.heading.net_show": (
        "在另一机构的节点上查看该记录，并核对其证明；应为有效。",
        "Another organisation's node shows the record, with proofs that are checked; it should be in force.",
    ),
    "demo.heading.net_export": (
        "由另一机构的节点导出证据包；应写出一个文件。",
        "That node's package for the record; it should be written as one file.",
    ),
    "demo.heading.net_verify": (
        "离线验证证据包与原文件；应成立且受信任。",
        "The package and the file are checked offline: it should hold, and its issuer be trusted.",
    ),
    "demo.heading.net_verify_alone": (
        "用不与本程序共享代码的独立核验器再核验一次；应成立，并说明多少成员已签名。",
        "The verifier that shares no code with this program checks it again, and says how many members signed.",
    ),
    "demo.heading.net_kill": (
        "像断电一样杀死一个节点；不应有任何提示。",
        "A node is killed as by a power cut; there should be no word of it.",
    ),
    "demo.heading.net_go_on": (
        "少了一个节点继续存证；应照常得到标识。",
        "Anchoring goes on without that node; it should get an evidence ID as before.",
    ),
    "demo.heading.net_go_on_more": (
        "再存证一个文件；应照常得到标识。",
        "And another file; it should get an evidence ID, too.",
    ),
    "demo.heading.net_status_without": (
        "各节点的现状；被杀死的节点应显示未运行。",
        "Where each node stands; the killed one should be shown as stopped.",
    ),
    "demo.heading.net_restart": (
        "重新启动该节点；应就绪，无需任何修复。",
        "The node is started again; it should be ready, without any repair.",
    ),
    "demo.heading.net_compare": (
        "比较所有节点在每个高度的区块；应全部相同。",
        "The blocks of all nodes are compared at every height; they should be the same.",
    ),
    "demo.heading.net_add": (
        "再接纳一个机构及其节点：提议、表决、跟上、生效；该节点应成为签名成员。",
        "One more organisation with its node is voted in; its node should follow, and then sign.",
    ),
    "demo.heading.net_remove": (
        "经表决移除一个成员；其节点应停止，账本保留。",
        "A member is voted out; its node should stop, and its ledger stay.",
    ),
    "demo.heading.net_compare_after": (
        "再次比较现有节点的全部区块；应全部相同。",
        "The blocks of the nodes that are left are compared again; they should be the same.",
    ),
    "demo.heading.net_status": (
        "各节点的现状；应全部就绪。",
        "Where each node stands; all should be ready.",
    ),
    "demo.heading.net_stop": (
        "停止全部节点；应列出它们。",
        "Every node is stopped; they should be listed.",
    ),
    "demo.net_done": (
        "演示完成：{validators} 个节点（{engine}），共 {seconds} 秒，保留在 {home}。",
        "Done: {validators} nodes ({engine}), {seconds} s in all, kept in {home}.",
    ),
    "label.node": ("节点", "node"),
    "label.state": ("状态", "state"),
    "label.round": ("轮次", "round"),
    "label.leader": ("提议者", "leader"),
    "label.peers": ("对等节点", "peers"),
    "label.pool": ("待处理", "pool"),
    "label.lag": ("凭证滞后", "certificate lag"),
    "label.version": ("版本", "version"),
    "label.url": ("地址", "URL"),
}
