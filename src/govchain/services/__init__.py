"""Use cases: submit, query, prove, make a chain. The CLI, the API and every adapter go through these."""
