"""Asking a family's rules: whatever they do, the chain goes on.

Purpose: the one place where a rule's mistake becomes an answer. Rules: an exception, or an answer that no receipt may
carry, is ``RULE_FAILED`` on every node alike; a failure of this machine (memory, disk, a damaged store) stops the node
instead of becoming a receipt that the others do not have.
Not here: the rules (``modules``), when they are asked (:mod:`govchain.ledger.checks` and ``execution``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from govchain.model import Code, UnavailableError
from govchain.model.codes import is_receipt_code

__all__ = ["MACHINE_FAULTS", "judge"]

#: Failures of the machine rather than of a rule. Rules do no I/O, so that an OSError is never theirs.
MACHINE_FAULTS = (MemoryError, OSError, UnavailableError)


def judge(rule: Callable[..., Any], *arguments: Any) -> Code:
    """What a ``check`` of a family answers, or ``RULE_FAILED``."""
    try:
        code = rule(*arguments)
    except MACHINE_FAULTS:
        raise
    except Exception:  # noqa: BLE001 - the same mistake on every node
        return Code.RULE_FAILED
    if isinstance(code, Code) and is_receipt_code(code):
        return code
    return Code.RULE_FAILED
