"""Sentences of work on a node: profiles, logins, watching, completion."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    # Where a command works
    "option.node": (
        "节点的 URL；代替数据目录。也可用 GOVCHAIN_NODE 或配置档",
        "A node's URL instead of a data directory; also GOVCHAIN_NODE, or a profile",
    ),
    "option.profile": ("使用该配置档中的节点、密钥和语言", "Work with that profile's node, key and language"),
    "cli.one_place": ("{options} 只能给出一个", "only one of {options} may be given"),
    "cli.needs_directory": (
        "此命令用于数据目录，不用于节点；请用 --data 指明目录，且不带 --node 和 --profile",
        "this works on a data directory, not on a node: name one with --data, without --node and --profile",
    ),
    "cli.needs_key": (
        "未指明签名密钥：请用 --key 给出，或写入配置档（govchain profile set 名称 --key 密钥）",
        "no key was named: give --key, or put one into the profile (govchain profile set NAME --key KEY)",
    ),
    "label.node": ("节点", "node"),
    # Profiles
    "help.profile": ("管理常用节点的配置档", "Named nodes with their key and language"),
    "help.profile.list": ("列出配置档", "List the profiles"),
    "help.profile.show": ("显示一个配置档；默认为正在使用的", "One profile; by default the one in use"),
    "help.profile.set": ("新建或修改配置档；只改给出的各项", "Make or change a profile; what is not given stays"),
    "help.profile.remove": ("删除配置档", "Remove a profile"),
    "help.profile.use": ("此后默认使用该配置档；不带名称则不使用", "Use a profile from now on; without NAME, none"),
    "option.profile_name": (
        "名称：1 至 32 个小写字母、数字、连字符或下划线",
        "Its name: 1 to 32 lower-case letters, digits, hyphens and underscores",
    ),
    "option.profile_url": ("节点的 URL", "The node's URL"),
    "option.profile_key": ("签名密钥：名称、文件路径或 URI", "Key that signs: a name, a path or a URI"),
    "option.profile_account": ("账户地址；默认由密钥推得", "The account's address; by default the key's own"),
    "option.profile_language": ("输出语言", "Language of the output"),
    "option.profile_ca": ("验证节点 TLS 证书的 CA 文件", "CA file that the node's TLS certificate is checked with"),
    "label.profile": ("配置档", "profile"),
    "label.url": ("节点", "URL"),
    "label.language": ("语言", "language"),
    "label.ca": ("CA 文件", "CA file"),
    "label.in_use": ("使用中", "in use"),
    "profile.none": (
        "没有配置档。用 govchain profile set 名称 --url URL 新建。",
        "There are no profiles. Make one with govchain profile set NAME --url URL.",
    ),
    "profile.needs_url": ("新配置档须给出 --url", "a new profile needs --url"),
    "profile.none_named": ("未给出名称，也没有正在使用的配置档", "no name was given, and no profile is in use"),
    "profile.saved": ("已保存配置档 {name}", "Saved the profile {name}"),
    "profile.removed": ("已删除配置档 {name}", "Removed the profile {name}"),
    "profile.using": ("此后使用配置档 {name}：{url}", "From now on {name} is used: {url}"),
    "profile.using_none": ("此后不使用配置档", "From now on no profile is used"),
    # Logging in
    "help.login": (
        "登录节点：用账户密钥签名节点的挑战",
        "Log in to a node by signing its challenge with an account's key",
    ),
    "help.logout": ("结束在节点的会话并删除本地令牌", "End the session at a node and remove its token here"),
    "option.login_key": (
        "账户的密钥：名称、文件路径或 URI；默认取自配置档",
        "The account's key: a name, a path or a URI; by default the profile's",
    ),
    "option.login_account": (
        "账户地址；更换过密钥的账户须给出",
        "The account's address; needed where its key was replaced",
    ),
    "label.expires": ("有效期至", "until"),
    "label.token_file": ("令牌文件", "token file"),
    "login.done": ("已登录 {url}", "Logged in to {url}"),
    "login.needs_node": (
        "请用 --node 或 --profile 指明节点",
        "name the node with --node or --profile",
    ),
    "logout.done": ("已退出 {url}", "Logged out of {url}"),
    "logout.none": ("本机没有 {url} 的会话", "There is no session for {url} here"),
    "logout.unreachable": (
        "本地令牌已删除，但未能通知节点（{reason}）；会话到期自动失效",
        "the token was removed here, but the node could not be told ({reason}); the session ends by itself",
    ),
    # Watching
    "help.watch": ("持续显示新区块、吞吐量和待处理交易", "Follow blocks, throughput and waiting transactions"),
    "option.watch_blocks": ("显示 N 个区块后结束", "End after N blocks"),
    "option.watch_interval": ("查询间隔（毫秒）", "Milliseconds between looks"),
    "option.watch_from": ("从该高度开始；默认从下一个区块", "Begin with this height; by default with the next block"),
    "label.rate": ("每秒交易数", "tx/s"),
    "watch.waiting": ("等待节点恢复：{reason}", "waiting for the node: {reason}"),
    # Completion
    "help.completion": ("输出命令补全脚本", "Print the completion script of a shell"),
    "option.completion_shell": ("Shell：bash、zsh 或 fish", "bash, zsh or fish"),
    "completion.unknown": ("不支持 {shell}，可用：{known}", "{shell} is not supported: {known}"),
    # Genesis from a node
    "option.genesis_export": ("另存创世文件", "Also write the genesis file"),
    # What to do next after an error
    "hint.TRUST_MISMATCH": (
        "通过可靠途径核对创世指纹，无误后执行：govchain trust add {path}",
        "Compare the genesis fingerprint in a way that you trust; if it is right, run govchain trust add {path}",
    ),
    "hint.TRUST_MISMATCH_NODE": (
        (
            "执行 govchain --node {node} genesis show --export genesis.json，通过可靠途径核对其指纹，"
            "无误后执行 govchain trust add genesis.json"
        ),
        (
            "Run govchain --node {node} genesis show --export genesis.json, compare its fingerprint in a way that you "
            "trust, and if it is right run govchain trust add genesis.json"
        ),
    ),
}
