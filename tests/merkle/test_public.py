from govchain import merkle


def test_public_names():
    assert sorted(merkle.__all__) == [
        "DEPTH_MAX", "Digest", "EMPTY_SUBTREE", "Frontier", "NodeLog", "NodeWrite", "STATE_DOMAIN", "SparseProof",
        "SparseTree",
        "consistency_path", "empty_root", "inclusion_path", "leaf_hash", "node_hash", "position", "root",
        "root_from_inclusion", "sparse_root", "state_root", "verify_consistency", "verify_inclusion", "verify_sparse",
    ]  # fmt: skip
    assert all(hasattr(merkle, name) for name in merkle.__all__)
