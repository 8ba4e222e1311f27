"""What the nodes of one chain say to each other: transactions, signatures, blocks, snapshots, whom they let in."""

from govchain.consensus.exchange.exchange import ExchangeOptions, PeerExchange, PeerView
from govchain.consensus.exchange.forwarding import ForwardingOptions

__all__ = ["ExchangeOptions", "ForwardingOptions", "PeerExchange", "PeerView"]
