"""The one catalogue of sentences in Chinese and English: data only (``catalogue/*.json`` packaged as Python modules).

Keys are ``code.NAME`` for result codes and ``area.name`` for everything else. A value may name parameters as
``{name}``; :func:`sentence` fills them and leaves unknown ones visible. Not here: which language a user wants.

Example:
    >>> sentence("code.OK", "en")
    'accepted'
"""

from __future__ import annotations

from govchain.texts import codes, words

__all__ = ["LANGUAGES", "keys", "sentence"]

#: Languages of the catalogue.
LANGUAGES = ("zh", "en")

_CATALOGUE: dict[str, dict[str, str]] = {**codes.SENTENCES, **words.SENTENCES}


class _Visible(dict[str, object]):
    """Shows a parameter that was not given as ``{name}`` instead of failing."""

    def __missing__(self, key: str) -> str:
        return "{" + key + "}"


def sentence(key: str, language: str = "en", /, **params: object) -> str:
    """The sentence for ``key`` in ``language`` with its parameters filled in; an unknown key is returned as it is."""
    entry = _CATALOGUE.get(key)
    if entry is None:
        return key
    return entry.get(language, entry["en"]).format_map(_Visible(params))


def keys() -> tuple[str, ...]:
    """Every key of the catalogue, sorted."""
    return tuple(sorted(_CATALOGUE))
