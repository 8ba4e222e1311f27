"""Sentences of the result codes, one entry for each :class:`govchain.model.codes.Code`."""

SENTENCES: dict[str, dict[str, str]] = {}
