"""How a step of verification refuses: whatever fails inside it gets the step's number, the member and its code.

Not here: the steps (:mod:`govchain.proof.verify`, the kinds of claim).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from govchain.model import Code, RefusedError, UsageError, VerificationError
from govchain.proof.page import shown

__all__ = ["refusing"]

#: The code of a member that cannot be read, by step, where the step has several.
_STEP_CODES = {5: Code.CERTIFICATE_INVALID, 7: Code.TRANSACTION_PROOF}


@contextmanager
def refusing(step: int, member: str, code: Code | None) -> Iterator[None]:
    """Give what fails inside the step's number, the member, and ``code`` (``None`` keeps that of a failed proof).

    What was refused with a step already passes as it is. Reasons may quote the package, so that they are shown as all
    text from outside is.

    Raises:
        VerificationError: in place of any error of ours.
    """
    try:
        yield
    except VerificationError as error:
        if error.step:
            raise
        reason = shown(str(error.params.get("reason", "")))
        raise VerificationError(code or error.code, step=step, member=member, reason=reason) from None
    except (RefusedError, UsageError) as error:
        reason = shown(str(error.params.get("reason", ""))) or error.code.name
        raise VerificationError(
            code or _STEP_CODES.get(step, error.code), step=step, member=member, reason=reason
        ) from None
