"""The route between nodes: TLS 1.3 between known keys, framed messages of several chains, all of it bounded."""

from govchain.peers.identity import PeerIdentity, create_tls_key, open_tls_key
from govchain.peers.network import PeerNetwork
from govchain.peers.ports import KIND_BYTES_MAX, Kind, KindBounds, PeerHandler, PeerLimits, PeerStatus

__all__ = [
    "KIND_BYTES_MAX",
    "Kind",
    "KindBounds",
    "PeerHandler",
    "PeerIdentity",
    "PeerLimits",
    "PeerNetwork",
    "PeerStatus",
    "create_tls_key",
    "open_tls_key",
]
