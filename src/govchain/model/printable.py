r"""Characters that one line of text may hold, decided by code point, so that no version of Unicode's tables matters.

Purpose: the rule that families of rules and the package verifier share for names, labels, references and media types.
Not here: how text that holds others is shown to people (``proof``).

Example:
    >>> has_control_characters("合同.pdf"), has_control_characters("gpj.\u202eexe"), is_printable_ascii("text/plain")
    (False, True, True)
"""

from __future__ import annotations

__all__ = ["has_control_characters", "is_printable_ascii"]

#: Line ends and directions that could make one line of text look like another.
_CONTROL_RANGES = ((0x00, 0x1F), (0x7F, 0x9F), (0x200E, 0x200F), (0x2028, 0x202E), (0x2066, 0x2069))
#: Bytes of the printable ASCII characters.
_PRINTABLE = bytes(range(0x20, 0x7F))


def has_control_characters(text: str) -> bool:
    """Whether ``text`` holds a control character, a line or paragraph separator, or a mark that turns text around."""
    if is_printable_ascii(text):  # the common case, decided without a loop
        return False
    return any(low <= ord(c) <= high for c in text for low, high in _CONTROL_RANGES)


def is_printable_ascii(text: str) -> bool:
    """Whether every character lies from U+0020 to U+007E; by a table of bytes, which is quick."""
    return text.isascii() and not text.encode("ascii").translate(None, _PRINTABLE)
