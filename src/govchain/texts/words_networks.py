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
    "net.state.stopped": ("未运行", "stopped"),
    "net.state.removed": ("已移除", "removed"),
    "net.waiting": (
        "{name} 有交易在等待，尚缺以下成员的投票：{missing}",
        "{name} has transactions waiting, and no vote yet of: {missing}",
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
