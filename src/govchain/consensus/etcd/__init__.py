"""The engine under rule ``raft``, over an etcd of this node's own."""

from govchain.consensus.etcd.engine import EtcdEngine
from govchain.consensus.etcd.identity import EtcdMember
from govchain.consensus.etcd.keeper import KeeperLimits
from govchain.consensus.etcd.options import EtcdOptions
from govchain.consensus.etcd.process import EtcdTuning

__all__ = ["EtcdEngine", "EtcdMember", "EtcdOptions", "EtcdTuning", "KeeperLimits"]
