"""Sentences other than result codes and statements: commands, options, tables, messages of the command line."""

from __future__ import annotations

from govchain.texts import (
    words_archives,
    words_documents,
    words_governance,
    words_help,
    words_index,
    words_labels,
    words_messages,
    words_networks,
    words_nodes,
    words_operations,
    words_webhooks,
)

__all__ = ["SENTENCES"]

#: ``area.name`` to its sentence in each language.
SENTENCES: dict[str, dict[str, str]] = {
    key: {"zh": chinese, "en": english}
    for family in (
        words_archives.PAIRS,
        words_documents.PAIRS,
        words_governance.PAIRS,
        words_help.PAIRS,
        words_index.PAIRS,
        words_labels.PAIRS,
        words_messages.PAIRS,
        words_networks.PAIRS,
        words_nodes.PAIRS,
        words_operations.PAIRS,
        words_webhooks.PAIRS,
    )
    for key, (chinese, english) in family.items()
}
