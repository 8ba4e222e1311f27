"""Keys by URI: ``file:PATH`` now; ``kms:``, ``sdf:`` and ``skf:`` answer that they come later.

Purpose: certified hardware is a setting, not a rewrite (ARCHITECTURE decision 13). Rules: the text behind ``file:`` is
the path, literally, without percent-decoding; a key whose secret is software's is announced through ``notice`` each
time it is opened, and counted.

Example:
    >>> PROVIDERS["file"].__name__
    'open_key_file'
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from govchain.model.codes import Code
from govchain.model.errors import UsageError
from govchain.signers.files import open_key_file
from govchain.signers.port import Notice, PassphraseSource, Provider, Signer

__all__ = ["PROVIDERS", "SOFTWARE_NOTICE", "open_signer", "software_keys_open"]

#: Catalogue key of the sentence that is due while a software key is in use.
SOFTWARE_NOTICE: Final = "signers.software_keys"

_open_software: weakref.WeakSet[Signer] = weakref.WeakSet()
_lock = threading.Lock()


def _later(scheme: str) -> Provider:
    def refuse(_rest: str, _source: PassphraseSource) -> NoReturn:
        raise UsageError(Code.KEY_URI, scheme=scheme, reason="this kind comes with a later release; use file:PATH")

    return refuse


#: What opens each scheme. A deployment passes its own mapping to :func:`open_signer` to add or replace one.
PROVIDERS: Final[Mapping[str, Provider]] = MappingProxyType(
    {"file": open_key_file, "kms": _later("kms"), "sdf": _later("sdf"), "skf": _later("skf")}
)


def open_signer(
    uri: str,
    passphrase_source: PassphraseSource,
    *,
    notice: Notice | None = None,
    providers: Mapping[str, Provider] = PROVIDERS,
) -> Signer:
    """The key at ``uri``; ``notice`` hears of it when its secret is software's.

    Raises:
        UsageError: ``KEY_URI`` for an unknown scheme, one that comes later, or an empty path; ``PASSPHRASE_UNUSABLE``.
        RefusedError: what the scheme's provider refuses.
    """
    scheme, colon, rest = uri.partition(":")
    if not colon or not rest or "\x00" in rest:
        raise UsageError(Code.KEY_URI, scheme=scheme if colon else "", reason="a key is named as scheme:place")
    if rest.startswith("//") and not rest.startswith("///"):
        raise UsageError(Code.KEY_URI, scheme=scheme, reason="a key URI names no host; write file:/absolute/path")
    provider = providers.get(scheme)
    if provider is None:
        raise UsageError(Code.KEY_URI, scheme=scheme, reason=f"known: {', '.join(sorted(providers))}")
    signer = provider(rest, passphrase_source)
    if signer.software:
        with _lock:
            _open_software.add(signer)
        if notice is not None:
            notice(SOFTWARE_NOTICE, {"uri": uri, "algorithm": signer.algorithm})
    return signer


def software_keys_open() -> int:
    """How many software keys this process has opened and still holds: the metric beside the notice."""
    with _lock:
        # A provider's signer that does not tell whether it is closed counts as long as somebody holds it.
        return sum(not getattr(signer, "closed", False) for signer in _open_software)
