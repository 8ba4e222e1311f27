"""The port of every place that keeps private keys: a file now, certified hardware by another URI later."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

__all__ = ["Notice", "PassphraseSource", "Provider", "Signer"]

#: Answers the passphrase for the key that is named, as bytes without a line end.
PassphraseSource = Callable[[str], bytes]

#: Is told, in a sentence's catalogue key and its parameters, that a software key is in use.
Notice = Callable[[str, dict[str, object]], None]


class Signer(Protocol):
    """A key that signs, wherever it lives. The secret is never handed out."""

    @property
    def algorithm(self) -> str:
        """The algorithm's name (block.md 1.2)."""

    @property
    def public_key(self) -> bytes:
        """The public key in the algorithm's form."""

    @property
    def software(self) -> bool:
        """Whether the secret is in this process's memory rather than in certified hardware."""

    def sign(self, message: bytes) -> bytes:
        """Sign ``message``."""

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Sign each message, in order."""

    def close(self) -> None:
        """Forget the key; it cannot sign any more."""


#: Opens the key at the part of a URI behind its scheme.
Provider = Callable[[str, PassphraseSource], Signer]
