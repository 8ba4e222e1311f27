"""The cluster's members follow the ledger's: one step at a time, by the node whose etcd leads.

Purpose: what to do next so that etcd's members become the ledger's active members.
Rules: a member comes as a learner, which has no vote, and is promoted when it has caught up; another one is touched
only then; additions come before removals, so that the majority stays as large as it can. etcd itself refuses what
would leave it without a quorum; then the step is tried again later.
Not here: who is a member (governance), starting the new member's process (``process``).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from govchain.consensus.etcd.client import ClusterMember, EtcdClient
from govchain.consensus.etcd.identity import EtcdMember, member_name

__all__ = ["Step", "apply_step", "next_step", "renew_member"]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of the cluster: of the etcd member with ``identifier``, or, to add, of the one at ``url``."""

    kind: Literal["add", "promote", "update", "remove"]
    identifier: int = 0
    url: str = ""


def next_step(listed: Sequence[ClusterMember], wanted: Sequence[EtcdMember], active: Collection[bytes]) -> Step | None:
    """The next change, or None when both sets agree.

    Args:
        listed: etcd's members.
        wanted: the active members whose addresses are known.
        active: the keys of all active members: whoever is among them is not removed, known or not.
    """
    by_name = {member_name(member.key): member for member in wanted}
    names_active = {member_name(key) for key in active}
    urls = {member.url for member in wanted}
    all_known = names_active <= by_name.keys()
    if not active:
        return None

    def is_wanted(entry: ClusterMember) -> bool:
        if entry.name:
            return entry.name in names_active
        return not all_known or any(url in urls for url in entry.peer_urls)

    for entry in listed:
        if entry.learner:
            if not is_wanted(entry):
                return Step("remove", entry.identifier)
            return Step("promote", entry.identifier) if entry.name else None  # one at a time: wait for its start
    for entry in listed:
        member = by_name.get(entry.name)
        if member is not None and entry.peer_urls != (member.url,):
            return Step("update", entry.identifier, member.url)
    names = {entry.name for entry in listed}
    present = {url for entry in listed for url in entry.peer_urls}
    for member in wanted:
        if member_name(member.key) not in names and member.url not in present:
            return Step("add", url=member.url)
    for entry in listed:
        if not is_wanted(entry):
            return Step("remove", entry.identifier)
    return None


def apply_step(client: EtcdClient, step: Step) -> None:
    """Do it.

    Raises:
        EtcdError: refused or no answer; look again and try the next step then.
    """
    if step.kind == "add":
        client.add_member(step.url)
    elif step.kind == "promote":
        client.promote_member(step.identifier)
    elif step.kind == "update":
        client.update_member(step.identifier, step.url)
    else:
        client.remove_member(step.identifier)


def renew_member(client: EtcdClient, key: bytes) -> bool:
    """Take the member with this key out of the cluster, whose leader adds it anew; whether it was in it.

    Raises:
        EtcdError: no answer, or refused.
    """
    for entry in client.members():
        if entry.name == member_name(key):
            client.remove_member(entry.identifier)
            return True
    return False
