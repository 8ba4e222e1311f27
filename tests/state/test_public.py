"""The room's public names."""

import govchain.state


def test_public_names():
    assert sorted(govchain.state.__all__) == [
        "Batch",
        "CheckpointComputation",
        "CheckpointProgress",
        "CheckpointReader",
        "CheckpointRoot",
        "CheckpointTree",
        "CommittedState",
        "MemoryStore",
        "NO_STATE_ROOT",
        "Namespace",
        "NamespaceRegistry",
        "Overlay",
        "Pair",
        "Reader",
        "StateReader",
        "StateRoot",
        "Store",
        "Table",
        "Write",
        "compute_state_root",
        "split_key",
        "state_key",
    ]
    assert all(hasattr(govchain.state, name) for name in govchain.state.__all__)
