"""The error tree. Bad input always meets one of these, with a code; nothing else is shown to a user.

::

    GovChainError            has .code, .params; its sentence comes from the catalogue
    ├── UsageError           the call itself is wrong (exit code 2)
    ├── RefusedError         input or transaction refused, nothing changed (exit code 1)
    │   └── DecodingError    bytes that are not what their format says
    ├── VerificationError    a proof does not hold; .step numbers the step, .member names the part (exit code 1)
    └── UnavailableError     cannot be done now: full, locked, stopping; .retry_after_ms may hint (exit code 5)
"""

from __future__ import annotations

from govchain.model.codes import Code
from govchain.texts import phrase, sentence

__all__ = ["DecodingError", "GovChainError", "RefusedError", "UnavailableError", "UsageError", "VerificationError"]


class GovChainError(Exception):
    """Base of every error of ours: a stable code and the values that its sentence names."""

    exit_code = 1

    def __init__(self, code: Code, **params: object) -> None:
        """Keep ``code`` and the named values; ``params`` must be printable and never personal."""
        self.code = code
        self.params = params
        super().__init__(code, params)

    def text(self, language: str = "en") -> str:
        """The sentence for people in ``language`` (``zh`` or ``en``)."""
        return sentence(f"code.{self.code.name}", language, **{**self.params, "reason": self.reason(language)})

    def reason(self, language: str = "en") -> str:
        """Why, in ``language`` where the catalogue has the reason; empty where none was given."""
        text = str(self.params.get("reason") or "")
        # What was looked for is one word, and the user's own.
        return text if self.code is Code.NOT_FOUND and " " not in text else phrase(text, language)

    def __str__(self) -> str:
        return f"{self.code.name} ({int(self.code)}): {self.text()}"


class UsageError(GovChainError):
    """The call itself is wrong: an unknown option, a missing file name, a malformed identifier."""

    exit_code = 2


class RefusedError(GovChainError):
    """Input that was understood and refused; nothing changed."""


class DecodingError(RefusedError):
    """Bytes that are not what their format says."""


class VerificationError(GovChainError):
    """A proof that does not hold.

    ``step`` is the number of the verification step, ``member`` the part of the package that failed.
    """

    def __init__(self, code: Code, *, step: int = 0, member: str = "", **params: object) -> None:
        """Keep the step's number and the failing member beside the code."""
        self.step = step
        self.member = member
        super().__init__(code, step=step, member=member, **params)


class UnavailableError(GovChainError):
    """It cannot be done now (full, locked, stopping, unreadable); the same call may succeed later."""

    exit_code = 5

    def __init__(self, code: Code, *, retry_after_ms: int | None = None, **params: object) -> None:
        """Keep an optional hint after how many milliseconds to try again."""
        self.retry_after_ms = retry_after_ms
        super().__init__(code, retry_after_ms=retry_after_ms or 0, **params)
