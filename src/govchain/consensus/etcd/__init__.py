"""The engine under rule ``raft``, over an etcd of this node's own."""

from govchain.consensus.etcd.catching_up import BlockSource, FetchedBlock
from govchain.consensus.etcd.engine import EtcdEngine, EtcdOptions
from govchain.consensus.etcd.identity import EtcdMember
from govchain.consensus.etcd.keeper import KeeperLimits
from govchain.consensus.etcd.process import EtcdTuning

__all__ = ["BlockSource", "EtcdEngine", "EtcdMember", "EtcdOptions", "EtcdTuning", "FetchedBlock", "KeeperLimits"]
