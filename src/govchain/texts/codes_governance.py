"""Sentences of governance's codes, and of the code that ends a node whose software is older than the voted protocol.

Each is (Chinese, English); see :mod:`govchain.texts.codes`.
"""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Code name to its sentence in Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "UPGRADE_REQUIRED": (
        (
            "本程序不认识成员投票决定的协议版本[[ {version}]][[，该版本自区块 {height} 起生效]]"
            "[[，本程序支持到版本 {supported}]]，节点已在该区块之前停止，数据完好。请升级程序后重新启动。"
        ),
        (
            "This software does not know the protocol version[[ {version}]] that the members voted for[[, in force "
            "from block {height} on]][[; it knows versions up to {supported}]]. The node stopped before that block, "
            "its data are whole. Install newer software and start again."
        ),
    ),
    "CHAIN_STOPPED": (
        "成员投票停止了该链：不再接收交易。此前的全部数据都在，仍可查询和核验。",
        (
            "The members have voted to stop this chain: it takes no more transactions. All its data stay, and can be "
            "read and verified."
        ),
    ),
    "NODE_REMOVED": (
        (
            "成员投票已将本节点移出[[（区块 {height}）]]，本节点不再签署区块，也不再跟随新区块。"
            "此前的全部数据都在，仍可查询。"
        ),
        (
            "The members have voted this node out[[ (block {height})]]: it signs no more blocks and follows no new "
            "ones. All its data stay, and can be read."
        ),
    ),
    "GOVERNANCE_NOT_MEMBER": (
        "本单位没有参与签署区块的成员节点，不能提案或投票。请先由其他成员投票接纳本单位的节点。",
        (
            "This organisation has no active member, so it may neither propose nor vote. Other members have to vote "
            "for its node first."
        ),
    ),
    "GOVERNANCE_TEXT": (
        "理由或名称含有控制字符或换向字符。请使用一行可打印文字。",
        "The reason or a name holds control or direction marks. Use one line of printable text.",
    ),
    "GOVERNANCE_EXPIRY": (
        "提案的截止时间已过，或超过 90 天。请给出 90 天以内的截止时间。",
        "The proposal's expiry is past, or more than 90 days ahead. Give one within 90 days.",
    ),
    "GOVERNANCE_OPEN_MAX": (
        "本单位未结束的提案过多。请等待表决结束，或撤回不再需要的提案。",
        "This organisation has too many open proposals. Wait until they are decided, or withdraw some.",
    ),
    "GOVERNANCE_PROPOSAL_UNKNOWN": (
        "没有该提案。请核对提案标识。",
        "There is no such proposal. Check its identifier.",
    ),
    "GOVERNANCE_PROPOSAL_CLOSED": (
        "该提案已执行、被否决或已撤回。如仍需要，请重新提案。",
        "The proposal was carried out, rejected or withdrawn already. Propose it anew if it is still wanted.",
    ),
    "GOVERNANCE_PROPOSAL_EXPIRED": (
        "该提案已过截止时间。如仍需要，请重新提案。",
        "The proposal has expired. Propose it anew if it is still wanted.",
    ),
    "GOVERNANCE_VOTED": (
        "本单位已对该提案投票，每个单位只有一票。无需操作。",
        "This organisation has voted on the proposal already; each has one vote. Nothing needs to be done.",
    ),
    "GOVERNANCE_NOT_OWN": (
        "该提案或成员属于另一个单位。请由该单位操作。",
        "The proposal or the member belongs to another organisation. Ask that organisation to do this.",
    ),
    "GOVERNANCE_TARGET_CHANGED": (
        "提案所涉事项在提案之后已有变化，此前的票不再适用。请按现状重新提案。",
        (
            "What the proposal is about has changed since it was made, so its votes do not fit any more. Propose it "
            "anew as things stand."
        ),
    ),
    "GOVERNANCE_MEMBER_KEYS": (
        "成员密钥与本链规则不符：bft 要引擎公钥和 TLS 摘要，raft 只要 TLS 摘要，solo 都不要。请改用节点的成员文件。",
        (
            "The member's keys do not fit the chain's rule: bft needs an engine key and a TLS digest, raft a TLS "
            "digest alone, solo neither. Take them from the member file that the node made."
        ),
    ),
    "GOVERNANCE_KEY_USED": (
        "其中一个密钥已属于或曾属于某个成员。请为节点生成新的密钥。",
        "One of the keys serves a member, or served one before. Make new keys for the node.",
    ),
    "GOVERNANCE_MEMBERS_MAX": (
        "成员个数已达上限。请先移除不再需要的成员。",
        "There are as many members as there may be. Remove one that is not needed first.",
    ),
    "GOVERNANCE_MEMBER_UNKNOWN": (
        "没有该成员。请核对成员公钥。",
        "There is no such member. Check its public key.",
    ),
    "GOVERNANCE_MEMBER_STATUS": (
        "该成员的状态不允许此操作：已移除、已更换密钥，或已在签署区块。请核对成员列表。",
        (
            "The member's status does not allow this: it was removed, goes on under another key, or is active already. "
            "Look at the list of members."
        ),
    ),
    "GOVERNANCE_PROOF": (
        "新密钥的证明签名无效。请由持有该密钥的节点重新签名。",
        "The new key's signature does not hold. Have the node that holds the key sign again.",
    ),
    "GOVERNANCE_QUORUM": (
        "移除后余下的成员不足以承受一个节点故障，或将没有成员；raft 链只有两个成员时也不能移除。请先增加成员，再移除。",
        (
            "Those left could not go on if one of them failed, or nobody would be left; nor can one of two be "
            "removed under raft. Add members first, then remove this one."
        ),
    ),
    "GOVERNANCE_LISTED": (
        "某项表决规则点名要求该单位同意，而这是它最后一个成员。请先修改该规则。",
        (
            "A policy names this organisation, and this is its last member, so nobody could meet that policy. Change "
            "the policy first."
        ),
    ),
    "GOVERNANCE_ORGANISATION": (
        "统一社会信用代码有误，或该单位已在链上。请核对代码。",
        "The unified social credit code is wrong, or the organisation is on the ledger already. Check the code.",
    ),
    "GOVERNANCE_PARAMETER": (
        "参数值超出允许范围。请对照参数说明更正。",
        "The parameter's value is out of bounds. See what the parameter allows, and correct it.",
    ),
    "GOVERNANCE_POLICY": (
        "表决规则不成立：名单须为有成员的单位并按代码排列，且决定成员、表决规则或可使链停止的事项不得由一个单位单独决定。请更正规则。",
        (
            "The policy does not stand: a list names voting organisations, sorted by code; and what decides who votes, "
            "or can stop the chain, may not be left to one organisation. Correct the policy."
        ),
    ),
    "GOVERNANCE_UPGRADE": (
        "升级的版本不是现行版本的下一个，或生效高度过近。请给出下一个版本和至少 10 个区块之后的高度。",
        (
            "The upgrade's version is not the one after that in force, or its height is too near. Give the next "
            "version and a height at least 10 blocks ahead."
        ),
    ),
    "GOVERNANCE_CHAIN": (
        "该链标识有误、已存在，或没有可停止的链。请核对链标识。",
        "The chain id is malformed or taken, or there is no such chain to stop. Check the chain id.",
    ),
    "GOVERNANCE_CHAINS_MAX": (
        "经表决创建的链已达 64 条上限，停止的链也计入。请在另一网络中建链。",
        (
            "64 chains were created by vote here, those that were stopped among them: there can be no more. Make "
            "another network instead."
        ),
    ),
    "GOVERNANCE_CHAIN_ACCOUNTS": (
        (
            "新链的初始账户有误：须为本链的有效账户，按地址排列且不重复，且每个有成员的单位至少有一个具有 operator "
            "角色的管理员。请更正账户名单。"
        ),
        (
            "The accounts that the new chain would begin with do not do: each must be active here and named once, "
            "sorted by address, and each organisation with a member needs an administrator with the role operator "
            "among them. Correct the list."
        ),
    ),
    "GOVERNANCE_UNCHANGED": (
        "提案与现状相同，不会改变任何内容。无需操作。",
        "The proposal would change nothing: things are so already. Nothing needs to be done.",
    ),
    "GOVERNANCE_BLOCK": (
        "所引区块不属于本链或过旧。请在节点追上后，以最近的区块重新提交。",
        "The block that is named is not of this chain, or too old. Name a recent one when the node has caught up.",
    ),
    "GOVERNANCE_ENGINE": (
        "单机模式的链只有一个成员，不能增加。请建立多节点网络。",
        "A chain under the solo engine has one member and takes no other. Make a network of several nodes instead.",
    ),
}
