"""The statement in plain Chinese and English, made from what was proved and from nothing else (evidence-package.md 6).

Purpose: words that nobody can alter, since every verifier writes them again. The same facts give the same bytes.
Rules: the frame is here; what a claim says beyond its transaction is written by what its kind proved.
Not here: trust, the original file, and the report of one verification; they are not facts of the package.
"""

from __future__ import annotations

from govchain.proof.facts import PackageFacts, ProvedClaim
from govchain.proof.page import StatementPage, china_time, shown
from govchain.texts import LANGUAGES

__all__ = ["NOT_PROVED", "render_statement", "render_statements"]

#: Catalogue keys of what no package proves, in their order.
NOT_PROVED = ("not_proved.truth", "not_proved.person", "not_proved.later", "not_proved.keys")


def render_statements(facts: PackageFacts) -> dict[str, str]:
    """The statement in every language, by language."""
    return {language: render_statement(facts, language) for language in LANGUAGES}


def render_statement(facts: PackageFacts, language: str) -> str:
    """The statement in ``language`` (``zh`` or ``en``)."""
    page = StatementPage(language)
    page.line("title")
    page.line("chain", chain=facts.chain)
    page.line("genesis", genesis=facts.genesis)
    if facts.test_clock:
        page.line("test_clock")
    page.line("as_of", height=facts.height, time=china_time(facts.time))
    page.line("claims", count=len(facts.claims))
    for number, claim in enumerate(facts.claims, 1):
        page.gap()
        page.line("claim", number=number)
        _tell(page, claim)
    page.gap()
    page.line("not_proved.title")
    for key in NOT_PROVED:
        page.line(key)
    return page.text()


def _tell(page: StatementPage, claim: ProvedClaim) -> None:
    page.line("transaction", transaction=claim.transaction)
    page.line("type", type=shown(claim.type), version=claim.version)
    time = china_time(claim.time)
    page.line("committed", height=claim.height, time=time, place=claim.index + 1, count=claim.count)
    page.line("code", code=claim.code)
    page.line("organisation", organisation=page.organisation(claim.organisation))
    for account in claim.accounts:
        page.line("account", account=account)
    if claim.subject is not None:
        claim.subject.tell(page)
