"""The client's side: build and sign transactions, check what a node answers, verify packages, keep trust."""
