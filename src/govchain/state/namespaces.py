"""State namespaces: who may prove what (docs/spec/block.md 4.1).

Purpose: each family of rules declares the namespaces that it writes; the registry answers, for a key or for a sorted
list of writes, whether the block's ``delta`` and the present-value tree ``live`` take them in. Rules: a state key is
``namespace ‖ "/" ‖ suffix``; the namespace is ASCII ``family.noun``; ``live`` implies ``delta``; a namespace in neither
is a look-up table that can be rebuilt and proves nothing. Not here: the trees (``roots``), values (``modules``).

Example:
    >>> registry = NamespaceRegistry([Namespace("account.status", live=True), Namespace("evidence.by_time")])
    >>> registry.of(state_key("account.status", b"abc")).delta
    True
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from govchain.model import Code, GovChainError, UsageError
from govchain.state.port import Write

__all__ = ["NAMESPACE_LENGTH_MAX", "Namespace", "NamespaceRegistry", "split_key", "state_key"]

#: Characters of a namespace's name, at most.
NAMESPACE_LENGTH_MAX = 64

_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
_CHARACTERS = _LETTERS | frozenset("0123456789_")
_key_of = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Namespace:
    """One namespace of state keys.

    Attributes:
        name: ``family.noun``, each part from ``[a-z][a-z0-9_]*``; 64 characters at most.
        delta: writes enter the block's ``delta`` root. Set by itself when ``live`` is.
        live: present values enter the ``live`` root.

    Raises:
        UsageError: ``USAGE`` for a malformed name.
    """

    name: str
    delta: bool = False
    live: bool = False

    def __post_init__(self) -> None:
        parts = self.name.split(".")
        good = len(parts) == 2 and all(part and part[0] in _LETTERS and _CHARACTERS.issuperset(part) for part in parts)
        if not good or len(self.name) > NAMESPACE_LENGTH_MAX:
            raise UsageError(Code.USAGE, reason=f"namespace {self.name!r}")
        if self.live:
            object.__setattr__(self, "delta", True)

    @property
    def rooted(self) -> bool:
        """Whether checkpoints take the namespace in: it can be proved."""
        return self.delta

    @property
    def prefix(self) -> bytes:
        """The bytes that every key of the namespace starts with."""
        return self.name.encode("ascii") + b"/"


def state_key(namespace: str, *suffix: bytes | str | int) -> bytes:
    """The state key of ``namespace`` and the parts of a suffix, joined by ``/``.

    Text becomes UTF-8 and must not hold ``/`` (except in the last part); an integer becomes u64 big endian; bytes go in
    as they are, so every ``bytes`` part but the last has a fixed length by the caller's contract. Then no two lists of
    parts of one namespace meet in one key.

    Raises:
        UsageError: ``USAGE`` for a ``/`` in a text part, or an integer outside u64.

    >>> state_key("account.record", "ab12")
    b'account.record/ab12'
    """
    if len(suffix) == 1 and type(suffix[0]) is str:  # the common case, kept short: it runs for every state access
        return (namespace + "/" + suffix[0]).encode()
    parts = [namespace.encode("ascii")]
    last = len(suffix) - 1
    for position, part in enumerate(suffix):
        if isinstance(part, str):
            if position != last and "/" in part:
                raise UsageError(Code.USAGE, reason=f"state key part {part!r}")
            parts.append(part.encode())
        elif isinstance(part, int):
            if not 0 <= part < 1 << 64:
                raise UsageError(Code.USAGE, reason=f"state key part {part}")
            parts.append(part.to_bytes(8, "big"))
        else:
            parts.append(part)
    return b"/".join(parts) if suffix else parts[0] + b"/"


def split_key(key: bytes) -> tuple[str, bytes]:
    """The namespace's name and the suffix of a state key.

    Raises:
        GovChainError: ``INTERNAL`` when the key has no namespace.
    """
    name, slash, suffix = key.partition(b"/")
    if not slash or not name.isascii():
        raise GovChainError(Code.INTERNAL, reason=f"state key without a namespace: {key[:80]!r}")
    return name.decode("ascii"), suffix


class NamespaceRegistry:
    """The namespaces of one chain; fixed once built.

    Args:
        namespaces: the declarations of all modules.

    Raises:
        UsageError: ``USAGE`` when two declarations share a name.
    """

    __slots__ = ("_by_prefix", "_delta_only_ranges", "_delta_ranges", "_live_ranges", "_sorted")

    def __init__(self, namespaces: Iterable[Namespace]) -> None:
        self._by_prefix: dict[bytes, Namespace] = {}
        for namespace in namespaces:
            prefix = namespace.prefix[:-1]
            if prefix in self._by_prefix:
                raise UsageError(Code.USAGE, reason=f"namespace {namespace.name} is declared twice")
            self._by_prefix[prefix] = namespace
        # All keys of a namespace lie between "name/" and "name0" ("0" follows "/"), and so do its writes in a sorted
        # list. Sorted by "name/", the ranges are in key order.
        self._sorted = tuple(sorted(self._by_prefix.values(), key=lambda namespace: namespace.prefix))
        self._delta_ranges = tuple((n.prefix, n.prefix[:-1] + b"0") for n in self._sorted if n.delta)
        self._live_ranges = tuple((n.prefix, n.prefix[:-1] + b"0") for n in self._sorted if n.live)
        self._delta_only_ranges = tuple(
            (n.prefix, n.prefix[:-1] + b"0") for n in self._sorted if n.delta and not n.live
        )

    def of(self, key: bytes) -> Namespace:
        """The namespace of a state key.

        Raises:
            GovChainError: ``INTERNAL`` when no module declared it.
        """
        try:
            return self._by_prefix[key[: key.index(b"/")]]
        except (KeyError, ValueError):
            raise GovChainError(Code.INTERNAL, reason=f"undeclared namespace: {key[:80]!r}") from None

    def get(self, name: str) -> Namespace | None:
        """The namespace of that name, or ``None``."""
        return self._by_prefix.get(name.encode("utf-8"))

    def delta_writes(self, writes: Sequence[Write]) -> list[Write]:
        """Those of ``writes`` (sorted by key) whose namespaces enter ``delta``, in order."""
        return _within(writes, self._delta_ranges)

    def delta_only_writes(self, writes: Sequence[Write]) -> list[Write]:
        """Those of ``writes`` (sorted by key) whose namespaces enter ``delta`` and not ``live``, in order."""
        return _within(writes, self._delta_only_ranges)

    def live_writes(self, writes: Sequence[Write]) -> list[Write]:
        """Those of ``writes`` (sorted by key) whose namespaces enter ``live``, in order."""
        return _within(writes, self._live_ranges)

    def check_writes(self, writes: Sequence[Write]) -> None:
        """Refuse sorted ``writes`` of which one has no declared namespace.

        Raises:
            GovChainError: ``INTERNAL``, naming the first such key.
        """
        position = 0
        while position < len(writes):
            end = self.of(writes[position][0]).prefix[:-1] + b"0"
            position = bisect_left(writes, end, position, key=_key_of)

    def rooted(self) -> tuple[Namespace, ...]:
        """The namespaces that checkpoints take in, in the order of their keys."""
        return tuple(namespace for namespace in self._sorted if namespace.rooted)

    def __iter__(self) -> Iterator[Namespace]:
        return iter(self._sorted)

    def __len__(self) -> int:
        return len(self._sorted)


def _within(writes: Sequence[Write], ranges: Sequence[tuple[bytes, bytes]]) -> list[Write]:
    """The writes whose keys lie in one of the ranges; both sorted. One binary search per range, none per write."""
    found: list[Write] = []
    position = 0
    for start, end in ranges:
        first = bisect_left(writes, start, position, key=_key_of)
        position = bisect_left(writes, end, first, key=_key_of)
        found.extend(writes[first:position])
    return found
