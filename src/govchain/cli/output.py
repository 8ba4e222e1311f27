"""Print results and errors: one JSON document for programs, tables and sentences for people.

Rules: results and ``--json`` documents go to standard output, everything else (notices, progress, errors for people) to
standard error; progress appears only on a terminal; ids are never shortened or broken. Everything for people passes
:func:`visible`, so that no name, reference or argument moves the cursor, makes a line or turns text around.
Not here: what is printed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from govchain.cli.session import session, t
from govchain.texts import phrase

if TYPE_CHECKING:
    from govchain.model import GovChainError

__all__ = [
    "bad_member",
    "china_time",
    "emit",
    "emit_error",
    "emit_line",
    "exit_code",
    "facts",
    "line",
    "notice",
    "parse_time",
    "say",
    "silence",
    "size_text",
    "table",
    "told",
    "visible",
]

_CHINA = timezone(timedelta(hours=8))
#: Columns where output is no terminal: wide enough for two ids.
_WIDTH_PLAIN = 200
#: Columns that prose needs to be read in a table.
_PROSE_COLUMNS_MIN = 20
#: A word with what stands before it; a Chinese character is a word.
_WORDS = re.compile(r"\s*(?:[\u2e80-\uffef]|[^\s\u2e80-\uffef]+)")
#: Between two columns, and between a label and its value.
_GAP = "  "
#: Control and formatting characters, surrogates, line and paragraph separators (Unicode general categories).
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: One exit code for one kind of failure, wherever it was met.
_EXIT_CODES = {"NOT_FOUND": 1, "FILE_UNREADABLE": 5}


def emit(result: dict[str, Any], show: Callable[[], None]) -> None:
    """Print ``result`` as JSON, or let ``show`` print it for people; a reader that goes away changes nothing."""
    try:
        if session().json:
            _print_json(result)
        else:
            show()
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def emit_line(result: dict[str, Any]) -> None:
    """Print ``result`` as JSON in one line, at once: one of many results, for programs that read as they come."""
    print(_json_line(json.dumps(result, ensure_ascii=False, default=str)), flush=True)


def silence() -> None:
    """Let nothing more be printed: whoever read it is gone, and the interpreter would complain at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def emit_error(error: GovChainError, *, hint: str = "") -> None:
    """Print an error: its code, sentence and, where there is one, what to do next."""
    language = session().language
    if session().json:
        params = {key: value for key, value in error.params.items() if value not in (None, "", 0)}
        body = {
            "code": error.code.name,
            "number": int(error.code),
            "text": error.text(language),
            "hint": hint,
            "exit_code": exit_code(error),
            "params": params,
        }
        _print_json({"error": body})
        return
    say(t("cli.error", text=error.text(language), code=error.code.name, number=int(error.code)))
    members = error.params.get("members")
    if isinstance(members, list):
        for member in members:
            say("  " + bad_member(member["path"], member["code"], member["reason"]))
    if hint:
        say(hint)


def bad_member(path: str, code: str, reason: str) -> str:
    """A line about a file that cannot be taken, its reason in the user's language where the catalogue has it."""
    key = f"kind.{reason}"
    words = t(key)
    return t("cli.bad_member", path=path, code=code, reason=told(reason) if words == key else words)


def told(reason: str) -> str:
    """A reason that a room named in English, in the user's language."""
    return phrase(reason, session().language)


def exit_code(error: GovChainError) -> int:
    """The exit code of an error: that of its code where one is fixed, else that of its kind."""
    return _EXIT_CODES.get(error.code.name, error.exit_code)


def visible(text: str) -> str:
    r"""``text`` as one line that shows all it holds: a control, direction or zero-width character as ``\u`` and hex.

    A backslash stays as it is: what comes here may have been escaped before.
    """
    if text.isprintable():
        return text
    return "".join(_escape(c) if unicodedata.category(c) in _INVISIBLE else c for c in text)


def line(text: str = "") -> None:
    """A line of the result, for people."""
    print(visible(text))


def say(text: str) -> None:
    """A line for people, beside the result."""
    print(visible(text), file=sys.stderr)


def notice(key: str, params: dict[str, object]) -> None:
    """A notice for people (not under ``--json``), such as that a software key is in use."""
    if not session().json:
        say(t("cli.notice", text=t(key, **params)))


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print labelled values one below the other; ``None`` and empty values are left out."""
    rows = [(t(f"label.{name}"), visible(str(value))) for name, value in pairs if value not in (None, "")]
    width = max((_columns(label) for label, _ in rows), default=0)
    for label, value in rows:
        print(f"{label}{' ' * (width - _columns(label))}{_GAP}{value}")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, prose: bool = False) -> None:
    """Print a table, or labelled lines for each row where a table is wider than the terminal.

    Nothing is cropped, folded or shortened, so that what is copied is whole; ``columns`` are label names. With
    ``prose`` the last column is text for reading, which goes on under its own beginning.
    """
    names = [t(f"label.{name}") for name in columns]
    cells = [["" if cell is None else visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(_columns, column)) for column in zip(names, *cells, strict=True)]
    room = _room()
    fixed = sum(widths[:-1]) + len(_GAP) * (len(widths) - 1)
    if fixed + widths[-1] <= room:
        _print_rows([names, *cells], widths)
    elif prose and fixed + _PROSE_COLUMNS_MIN <= room:
        _print_rows([names, *(part for row in cells for part in _flowing(row, room - fixed))], widths)
    else:
        _print_blocks(names, cells)


def china_time(milliseconds: int | None) -> str:
    """RFC 3339 with +08:00; empty for None."""
    if milliseconds is None:
        return ""
    from govchain.proof.page import china_time as exact  # noqa: PLC0415 - only where a time is printed

    return exact(milliseconds)


def parse_time(text: str) -> int:
    """Milliseconds from a date or an RFC 3339 time; China time where no zone is given.

    Raises:
        ValueError: neither.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=_CHINA)
    return round(moment.timestamp() * 1000)


def size_text(size: int) -> str:
    """A size for people: exact in bytes, with a round figure where it is long."""
    if size < 10_000:
        return t("cli.bytes", size=size)
    units = ("KiB", "MiB", "GiB", "TiB")
    step = min((size.bit_length() - 1) // 10, len(units))
    return t("cli.bytes_round", size=size, round=f"{size / 1024**step:.1f} {units[step - 1]}")


def _print_json(document: dict[str, Any]) -> None:
    """One document; what a terminal might act on is escaped in its strings, which are the same to a JSON reader."""
    text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
    print("\n".join(_json_line(row) for row in text.split("\n")))


def _json_line(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(json.dumps(c)[1:-1] if unicodedata.category(c) in _INVISIBLE else c for c in text)


def _escape(c: str) -> str:
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _room() -> int:
    """Columns to print in: what ``COLUMNS`` says, the terminal's, or plenty where nobody looks at a screen."""
    given = os.environ.get("COLUMNS", "")
    if not sys.stdout.isatty() and not given.isdecimal():
        return _WIDTH_PLAIN
    return max(shutil.get_terminal_size((_WIDTH_PLAIN, 1)).columns, 1)


def _print_rows(rows: Iterable[Sequence[str]], widths: Sequence[int]) -> None:
    for row in rows:
        cells = (cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=True))
        print(_GAP.join(cells).rstrip())


def _flowing(row: Sequence[str], room: int) -> list[list[str]]:
    """A row whose last cell is broken between words into lines of ``room`` columns; a longer word stays whole."""
    lines = [""]
    for word in _WORDS.findall(row[-1]):
        if lines[-1] and _columns(lines[-1] + word) > room:
            lines.append(word.lstrip())
        else:
            lines[-1] += word
    return [[*row[:-1], lines[0]], *([*[""] * (len(row) - 1), more] for more in lines[1:])]


def _print_blocks(names: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Each row as labelled lines, its empty cells left out, an empty line between rows."""
    width = max(map(_columns, names))
    for number, row in enumerate(rows):
        if number:
            print()
        for name, cell in zip(names, row, strict=True):
            if cell:
                print(f"{name}{' ' * (width - _columns(name))}{_GAP}{cell}")


def _columns(text: str) -> int:
    """Columns that a terminal needs: Chinese characters and full-width signs take two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
