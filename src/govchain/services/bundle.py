"""What a server offers: the services of one node, put together once and handed to every protocol.

Purpose: ``api`` and other adapters take this one value and nothing of the node behind it. Parts that a node may go
without are None, and their routes then answer ``SERVICE_OFF``. Rules: built by ``node.building``; never changed after.
Not here: making the parts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from govchain.model import Code
from govchain.sdk.network import HostedChains, NetworkStatus

if TYPE_CHECKING:
    from govchain.services.answers import Answers
    from govchain.services.backups import Backups
    from govchain.services.exports import Exports
    from govchain.services.indexing import IndexFollower
    from govchain.services.intake import Intake
    from govchain.services.observing import Observer, Operations
    from govchain.services.paper import Paper
    from govchain.services.proofs import Proofs
    from govchain.services.queries import Queries
    from govchain.services.search import Search
    from govchain.services.sessions import Sessions
    from govchain.services.subscriptions import Subscriptions
    from govchain.services.webhooks import Webhooks

__all__ = ["NodeServices"]


def _ready() -> Code | None:
    return None


def _nowhere(identity: bytes) -> int | None:
    return None


@dataclass(frozen=True, slots=True)
class NodeServices:
    """The services of one node. Each part is safe to call from several threads.

    Attributes:
        answers: the node's side of the SDK's Transport.
        intake: takes transactions in, ``await``-ed.
        queries: reads from committed state.
        proofs: inclusion paths and status proofs.
        sessions: challenges and bearer tokens.
        problem: why the node takes no transactions now, or None; what ``/v1/health/ready`` tells.
        index: follower of the SQL projection, or None.
        search: searches and counts over the projection, or None.
        events: the feed of events, or None.
        webhooks: deliveries to others' servers, or None.
        exports: the elements of T/CESA 6002, or None.
        paper: printable certificates, or None.
        metrics: answers the text of ``/metrics`` (Prometheus exposition format), or None.
        observe: told of each request, or None.
        verify: checks a package given as bytes, where the operator allows that, or None.
        operations: what operators change at run time, or None.
        backups: backups on request and by schedule, or None.
        packages: the evidence package of a record, by its id (hex), or None.
        health: what ``/v1/health/ready`` says beside the height: names and values for JSON.
        network: engine, members and peers as the node sees them, or None.
        chains: the chains that the members created by vote, as the node sees them, or None.
        height_of: the height of the block with an identity, or None.
    """

    answers: Answers
    intake: Intake
    queries: Queries
    proofs: Proofs
    sessions: Sessions
    problem: Callable[[], Code | None] = _ready
    index: IndexFollower | None = None
    search: Search | None = None
    events: Subscriptions | None = None
    webhooks: Webhooks | None = None
    exports: Exports | None = None
    paper: Paper | None = None
    metrics: Callable[[], bytes] | None = None
    observe: Observer | None = None
    verify: Callable[[bytes], dict[str, Any]] | None = None
    backups: Backups | None = None
    operations: Operations | None = None
    packages: Callable[[str], bytes] | None = None
    health: Callable[[], dict[str, Any]] = dict
    network: Callable[[], NetworkStatus] | None = None
    chains: Callable[[], HostedChains] | None = None
    height_of: Callable[[bytes], int | None] = _nowhere
