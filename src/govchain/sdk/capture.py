"""Turn files into evidence items: digests in public or committed, names private unless said otherwise.

Purpose: from a plan of files to items whose canonical bytes go on the ledger (or into a batch's tree), and the salts
that stay with the submitter. Rules: a file name can be personal, so by default the item carries a salted commitment to
it; with ``private_content`` the digests are committed too; salts are 32 bytes from the operating system; a set with a
member that cannot be taken is refused as a whole, naming every such member, unless ``skip_bad``.
Not here: walking (:mod:`govchain.sdk.folders`), reading (:mod:`govchain.sdk.reading`), sending.

Example::

    taken = capture_paths(["contracts/"], suite=suite, now=now_ms())
    for file in taken.files:
        print(file.planned.relative, file.item.sm3)
"""

from __future__ import annotations

import mimetypes
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from govchain.crypto import SALT_BYTES, Suite, commitment, hasher
from govchain.model import Code, GovChainError, RefusedError
from govchain.modules.evidence.messages import Capture, CaptureMethod, Commitment, Item, encode_item, item_fault
from govchain.sdk.catalogue import Entry, Salted
from govchain.sdk.folders import Plan, PlannedFile, Problem, plan_paths, printable_path
from govchain.sdk.reading import FileFacts, check_unchanged, probe_file, read_file

__all__ = [
    "CaptureOptions",
    "CapturedFile",
    "CapturedSet",
    "Watcher",
    "build_item",
    "capture_contents",
    "capture_paths",
    "capture_plan",
    "content_facts",
    "media_type_of",
]

#: Types that matter to offices and that Python's own table lacks.
_MORE_TYPES = {
    ".7z": "application/x-7z-compressed",
    ".ceb": "application/x-ceb",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".dwg": "image/vnd.dwg",
    ".et": "application/vnd.ms-excel",
    ".flac": "audio/flac",
    ".heic": "image/heic",
    ".md": "text/markdown",
    ".ofd": "application/ofd",
    ".p7s": "application/pkcs7-signature",
    ".parquet": "application/vnd.apache.parquet",
    ".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    ".webp": "image/webp",
    ".wps": "application/vnd.ms-works",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".yaml": "application/yaml",
}
_UNKNOWN_TYPE = "application/octet-stream"
# Only Python's own table: the same file has the same type on every machine.
_types = mimetypes.MimeTypes()
for _ending, _type in _MORE_TYPES.items():
    _types.add_type(_type, _ending)


class Watcher:
    """Hears how capturing goes; every method may be overridden, none needs to be."""

    def planned(self, files: int, size: int) -> None:
        """So many files, of so many bytes together, will be read."""

    def read(self, size: int) -> None:
        """So many bytes more were read."""

    def done(self, planned: PlannedFile) -> None:
        """A file was read to its end, or given up."""


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What is public, and what happens to a set with bad members; by default the strictest of each."""

    public_names: bool = False
    private_content: bool = False
    skip_bad: bool = False


@dataclass(frozen=True, slots=True)
class CapturedFile:
    """A file that became an item: the item, its canonical bytes, and the salts that open its commitments."""

    planned: PlannedFile
    facts: FileFacts
    item: Item
    item_bytes: bytes
    salts: tuple[Salted, ...]

    def entry(self, evidence: str, member: int | None) -> Entry:
        """What the submitter's directory keeps of it."""
        return Entry(
            evidence=evidence,
            member=member,
            path=self.planned.relative,
            name=self.planned.name,
            sm3=self.facts.sm3.hex(),
            sha256=self.facts.sha256.hex(),
            size=self.facts.size,
            item=self.item_bytes,
            salts=self.salts,
        )


@dataclass(frozen=True, slots=True)
class CapturedSet:
    """Files that were captured, in order, and members that were left out, with the reason."""

    files: tuple[CapturedFile, ...]
    skipped: tuple[Problem, ...]

    @property
    def total_size(self) -> int:
        """Bytes of all captured files."""
        return sum(file.facts.size for file in self.files)


def media_type_of(name: str) -> str:
    """The media type that a file name's ending suggests; ``application/octet-stream`` when it says nothing."""
    found, encoding = _types.guess_type(name, strict=False)
    return _UNKNOWN_TYPE if found is None or encoding is not None else found


def build_item(
    facts: FileFacts,
    name: str,
    *,
    suite: Suite,
    capture: Capture,
    options: CaptureOptions,
    new_salt: Callable[[], bytes],
) -> tuple[Item, tuple[Salted, ...]]:
    """The item for a file that was read, and the salts of its commitments.

    Raises:
        RefusedError: ``EVIDENCE_ITEM`` when the name cannot be public (control characters, length).
    """
    secrets: list[Salted] = []
    if options.private_content:
        secrets.append(Salted("content", new_salt().hex(), facts.sm3.hex()))
    if not options.public_names:
        secrets.append(Salted("name", new_salt().hex(), name))
    item = Item(
        capture=capture,
        commitments=tuple(
            Commitment(s.field, commitment(suite, bytes.fromhex(s.salt), s.field, s.value).hex())  # type: ignore[arg-type]
            for s in secrets
        ),
        media_type=media_type_of(name),
        name=name if options.public_names else None,
        sha256=None if options.private_content else facts.sha256.hex(),
        size=facts.size,
        sm3=None if options.private_content else facts.sm3.hex(),
    )
    fault = item_fault(item)
    if fault:
        raise RefusedError(Code.EVIDENCE_ITEM, reason=fault)
    return item, tuple(secrets)


def capture_paths(
    paths: Sequence[str | Path],
    *,
    suite: Suite,
    now: int,
    options: CaptureOptions | None = None,
    watcher: Watcher | None = None,
    new_salt: Callable[[], bytes] | None = None,
) -> CapturedSet:
    """Plan and capture: the files and folders that a user named."""
    return capture_plan(plan_paths(paths), suite=suite, now=now, options=options, watcher=watcher, new_salt=new_salt)


def content_facts(data: bytes) -> FileFacts:
    """What reading a file with that content would give, as :meth:`govchain.sdk.client.Client.find_file` takes it."""
    sm3, sha256 = hasher("sm3"), hasher("sha256")
    sm3.update(data)
    sha256.update(data)
    return FileFacts(sm3.digest(), sha256.digest(), len(data), (0, 0, len(data), 0, 0))


def capture_contents(
    contents: Sequence[tuple[str, bytes]],
    *,
    suite: Suite,
    now: int,
    method: CaptureMethod = "api",
    options: CaptureOptions | None = None,
    new_salt: Callable[[], bytes] | None = None,
) -> CapturedSet:
    """Names and bytes that a program has, as if each were a file of that name: rows of a table, messages, answers.

    Args:
        contents: name and content of each; the name's ending gives the media type.
        suite: the chain's.
        now: the time (ms) at which they were taken, which the items carry.
        method: how they were come by.
        options: what is public; ``skip_bad`` leaves out what has no usable name.
        new_salt: 32 random bytes each time; by default from the operating system.

    Raises:
        RefusedError: ``BATCH_MEMBER_BAD`` with ``members``, ``NOT_FOUND`` without any content.
    """
    options = options or CaptureOptions()
    salt = new_salt or (lambda: os.urandom(SALT_BYTES))
    taken: list[CapturedFile] = []
    problems: list[Problem] = []
    for name, data in contents:
        file = PlannedFile(name, name, len(data))
        facts = content_facts(data)
        try:
            item, salts = build_item(
                facts, file.name, suite=suite, capture=Capture(method, now), options=options, new_salt=salt
            )
        except RefusedError as error:
            problems.append(_as_problem(file, error))
        else:
            taken.append(CapturedFile(file, facts, item, encode_item(item), salts))
    if problems and not options.skip_bad:
        raise RefusedError(Code.BATCH_MEMBER_BAD, count=len(problems), members=_listed(problems))
    if not taken:
        raise RefusedError(Code.NOT_FOUND, what="content", reason="nothing to anchor", members=_listed(problems))
    return CapturedSet(tuple(taken), tuple(problems))


def capture_plan(
    plan: Plan,
    *,
    suite: Suite,
    now: int,
    options: CaptureOptions | None = None,
    watcher: Watcher | None = None,
    new_salt: Callable[[], bytes] | None = None,
) -> CapturedSet:
    """Read every planned file once; ``now`` (ms) is the capture time that the items carry.

    Raises:
        RefusedError: the member's own code when a single path was given and cannot be taken, ``BATCH_MEMBER_BAD`` with
            ``members`` (path, code, reason of each) for more, ``NOT_FOUND`` when there is no file at all.
    """
    options, watcher = options or CaptureOptions(), watcher or Watcher()
    problems = list(plan.problems)
    if problems and not options.skip_bad:
        # Name every bad member before a byte is read: the user mends them all at once.
        _refuse(plan, problems + [bad for file in plan.files if (bad := _problem(file, probe_file)) is not None])
    watcher.planned(len(plan.files), plan.total_size)
    method = "file" if len(plan.files) == 1 and not plan.files[0].below else "folder"
    capture = Capture(method, now)  # type: ignore[arg-type]
    salt = new_salt or (lambda: os.urandom(SALT_BYTES))
    taken: list[CapturedFile] = []
    for file in plan.files:
        try:
            facts = read_file(file, progress=watcher.read)
            item, salts = build_item(facts, file.name, suite=suite, capture=capture, options=options, new_salt=salt)
        except RefusedError as error:
            problems.append(_as_problem(file, error))
        else:
            taken.append(CapturedFile(file, facts, item, encode_item(item), salts))
        watcher.done(file)
    kept: list[CapturedFile] = []
    for one in taken:
        late = _problem(one.planned, lambda planned, facts=one.facts: check_unchanged(planned, facts))  # type: ignore[misc]
        if late is None:
            kept.append(one)
        else:
            problems.append(late)
    if problems and not options.skip_bad:
        _refuse(plan, problems)
    if not kept:
        raise RefusedError(Code.NOT_FOUND, what="file", reason="no file to anchor", members=_listed(problems))
    return CapturedSet(tuple(kept), tuple(problems))


def _refuse(plan: Plan, problems: Sequence[Problem]) -> None:
    if len(problems) == 1 and len(plan.files) + len(plan.problems) == 1:
        only = problems[0]
        raise RefusedError(only.code, path=only.path, reason=only.reason)
    raise RefusedError(Code.BATCH_MEMBER_BAD, count=len(problems), members=_listed(problems))


def _listed(problems: Sequence[Problem]) -> list[dict[str, str]]:
    return [{"path": bad.path, "code": bad.code.name, "reason": bad.reason} for bad in problems]


def _problem(file: PlannedFile, attempt: Callable[[PlannedFile], None]) -> Problem | None:
    try:
        attempt(file)
    except RefusedError as error:
        return _as_problem(file, error)
    return None


def _as_problem(file: PlannedFile, error: GovChainError) -> Problem:
    return Problem(printable_path(file.path), error.code, str(error.params.get("reason", "")))
