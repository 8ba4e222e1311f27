"""Sentences of the result codes, one entry for each :class:`govchain.model.codes.Code`.

Each says what happened and what to do. A clause in ``[[ ]]`` appears only where its parameter was given: the parameters
that a code usually carries are the ones that its clauses name.
"""

from govchain.texts import (
    codes_archives,
    codes_backups,
    codes_governance,
    codes_ledger,
    codes_networks,
    codes_peers,
    codes_reader,
    codes_service,
)

__all__ = ["SENTENCES"]

#: ``code.NAME`` to its sentence in each language.
SENTENCES: dict[str, dict[str, str]] = {
    f"code.{name}": {"zh": chinese, "en": english}
    for family in (
        codes_archives.PAIRS,
        codes_backups.PAIRS,
        codes_governance.PAIRS,
        codes_ledger.PAIRS,
        codes_networks.PAIRS,
        codes_peers.PAIRS,
        codes_reader.PAIRS,
        codes_service.PAIRS,
    )
    for name, (chinese, english) in family.items()
}
