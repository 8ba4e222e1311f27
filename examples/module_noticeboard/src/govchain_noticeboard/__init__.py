"""A sample family of rules: public notices, each organisation on its own board (see README.md).

Purpose: everything that a family needs, and nothing else. Rules: pure and deterministic, as the built-in ones.
Not here: a notice's text, which stays where it is published; the ledger has its subject and its digest.
"""

from govchain_noticeboard.rules import MODULE

__all__ = ["MODULE"]
