"""Sentences other than result codes: commands, tables, statements, reports."""

SENTENCES: dict[str, dict[str, str]] = {}
