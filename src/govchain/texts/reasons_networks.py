"""Reasons of networks: the genesis ceremony, members' files; the English text and its Chinese (see ``reasons``)."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: English reason to the Chinese one; the more exact before the wider.
PAIRS: dict[str, str] = {
    # Assembling
    "no member file": "没有成员文件",
    "the files name more than one algorithm": "各成员文件所用的算法不同",
    "files of several chains: {chains}": "成员文件属于不同的链：{chains}",
    "the file of {name} was given twice": "{name} 的成员文件给出了两次",
    "{first} and {second} have one engine key": "{first} 与 {second} 的引擎公钥相同",
    "{first} and {second} have one engine node": "{first} 与 {second} 的引擎节点标识相同",
    "{first} and {second} have one TLS key": "{first} 与 {second} 的 TLS 密钥相同",
    "{first} and {second} have one name": "{first} 与 {second} 的节点名称相同",
    "{first} and {second} have one account key": "{first} 与 {second} 有相同的账户密钥",
    "{first} and {second} have one address for peers": "{first} 与 {second} 的节点间地址相同",
    "{first} and {second} have one address of the engine": "{first} 与 {second} 的引擎地址相同",
    "{first} and {second} have one address of the API": "{first} 与 {second} 的接口地址相同",
    "{name}: the file is more than 90 days older than the newest": "{name}：成员文件比最新的一份早 90 天以上",
    "organisation {code} has two names": "机构 {code} 有两个名称",
    "{name}: rule bft needs an engine key": "{name}：规则 bft 需要引擎公钥",
    "{name}: no address of the engine": "{name}：没有引擎地址",
    "the genesis would not be well formed: {reason}": "创世文件将不符合格式：{reason}",
    "{file}: not a member file as its member signed it: {reason}": "{file}：不是其成员签名的成员文件：{reason}",
    # Signing and founding
    "{name}: another chain": "{name}：属于另一条链",
    "{name}: no member of this genesis": "{name}：不在该创世文件的成员之列",
    "{name}: another name, organisation or key than genesis says": "{name}：名称、机构或密钥与创世文件不同",
    "{name}: another name of the organisation": "{name}：机构名称与创世文件不同",
    "{name}: account {label} is not in it as it was made": "{name}：账户 {label} 未照原样列入创世文件",
    "{name}: the key is not that of the member file": "{name}：密钥不是成员文件所载的密钥",
    "its clock can be moved (test_clock)": "其时钟可被调整（test_clock）",
    "the member file of {name} is missing": "缺少 {name} 的成员文件",
    # Chains that are created by vote
    "{count} accounts; name at most {most}": "共 {count} 个账户；至多可列 {most} 个",
    "this node is no member of it": "本节点不是该链的成员",
    "chain_ports gives it no ports": "chain_ports 未给该链留出端口",
    "no record of {names} yet": "尚无 {names} 的成员文件",
    # Signatures over genesis
    "another genesis": "针对另一份创世文件",
    "the key is no member's": "密钥不属于任何成员",
    "the signature is not valid": "签名无效",
    # Nodes
    "rule {rule}: run it with govchain up, and use it with --node": (
        "规则 {rule}：请用 govchain up 运行节点，再以 --node 访问"
    ),
    "rule {rule}": "规则 {rule}",
    "genesis: {reason}": "创世文件：{reason}",
    "limits: {reason}": "上限：{reason}",
    "{engine}: its members always take part": "{engine}：其成员始终参与",
    "it does not read its settings": "未重新读取设置",
    "it does not sign yet": "尚未开始签名",
    "too few organisations can vote": "能够表决的机构不足",
    "no other node runs": "没有其他节点在运行",
    "height {height} of {head}": "高度 {height}，应为 {head}",
    "it does not run": "未运行",
    "votes: only a chain of rule bft has members that follow without voting": (
        "votes：只有规则为 bft 的链才有只跟随而不投票的成员"
    ),
    "no free port": "没有空闲端口",
}
