"""The one catalogue of sentences in Chinese and English: data only (``catalogue/*.json`` packaged as Python modules).

Keys are ``code.NAME`` for result codes and ``area.name`` for everything else. A value may name parameters as
``{name}``; :func:`sentence` fills them and leaves unknown ones visible. A clause in ``[[ ]]`` is left out when one
of its parameters was not given or is empty. :func:`phrase` gives the Chinese of a reason that a room named in English.
Not here: which language a user wants.

Example:
    >>> sentence("code.OK", "en")
    'accepted'
"""

from __future__ import annotations

from string import Formatter

from govchain.texts import codes, operations, paper, service, settings, signers, statements, words
from govchain.texts.reasons import phrase

__all__ = ["LANGUAGES", "keys", "phrase", "sentence"]

#: Languages of the catalogue.
LANGUAGES = ("zh", "en")

_CATALOGUE: dict[str, dict[str, str]] = {
    **codes.SENTENCES,
    **operations.SENTENCES,
    **paper.SENTENCES,
    **service.SENTENCES,
    **settings.SENTENCES,
    **signers.SENTENCES,
    **statements.SENTENCES,
    **words.SENTENCES,
}


class _Visible(dict[str, object]):
    """Shows a parameter that was not given as ``{name}`` instead of failing."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def sentence(key: str, language: str = "en", /, **params: object) -> str:
    """The sentence for ``key`` in ``language`` with its parameters filled in; an unknown key is returned as it is."""
    entry = _CATALOGUE.get(key)
    if entry is None:
        return key
    return _without_empty_clauses(entry.get(language, entry["en"]), params).format_map(_Visible(params))


def _without_empty_clauses(text: str, params: dict[str, object]) -> str:
    first, *rest = text.split("[[")
    kept = [first]
    for piece in rest:
        clause, _, tail = piece.partition("]]")
        names = (name for _, name, _, _ in Formatter().parse(clause) if name is not None)
        if all(params.get(name) not in (None, "") for name in names):
            kept.append(clause)
        kept.append(tail)
    return "".join(kept)


def keys() -> tuple[str, ...]:
    """Every key of the catalogue, sorted."""
    return tuple(sorted(_CATALOGUE))
