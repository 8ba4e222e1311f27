"""The SQL projection of committed blocks: search and count what the ledger holds (docs/spec/index.md)."""
