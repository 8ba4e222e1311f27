"""Where a further chain listens: ports from the node's setting and the chain's number, hosts as the node's own.

Rules: pure; the same settings and number give the same places. Not here: whether somebody else listens there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from govchain.node.settings import Settings
from govchain.proof.members import MemberAddresses

__all__ = ["PORTS_EACH", "ChainPlaces", "places_of"]

#: Ports of each chain: its API, other nodes, its engine.
PORTS_EACH: Final = 3
_PORT_MAX: Final = 65_535


@dataclass(frozen=True, slots=True)
class ChainPlaces:
    """Where a chain's process listens (HOST:PORT), and what it tells others (``announced``)."""

    listen: str
    peers_listen: str
    engine_listen: str
    announced: MemberAddresses


def places_of(number: int, settings: Settings, own: MemberAddresses | None) -> ChainPlaces | None:
    """The places of the chain with that number; None where the node hosts none, or its ports do not reach so far.

    ``own``: what the node tells of itself on its own chain, None under ``solo``.
    """
    base = settings.integer("chain_ports")
    first = base + PORTS_EACH * (number - 1)
    if not base or first + PORTS_EACH - 1 > _PORT_MAX:
        return None
    listen = f"{_host(settings.text('listen'))}:{first}"
    if own is None:
        return ChainPlaces(listen, "", "", MemberAddresses(api="", engine="", peers=listen))
    return ChainPlaces(
        listen=listen,
        peers_listen=f"{_host(settings.text('peers_listen') or own.peers)}:{first + 1}",
        engine_listen=f"{_host(settings.text('engine_listen') or own.engine)}:{first + 2}",
        announced=MemberAddresses(
            api=_with_port(own.api, first),
            engine=f"{_host(own.engine)}:{first + 2}",
            peers=f"{_host(own.peers)}:{first + 1}",
        ),
    )


def _host(address: str) -> str:
    """The host of HOST:PORT, an IPv6 one in its brackets."""
    return address.rpartition(":")[0]


def _with_port(url: str, port: int) -> str:
    """``url`` with another port and nothing after it; empty for an empty one."""
    if not url:
        return ""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}"
