"""A PDF file of pages with one attached package, in exactly one encoding (ISO 32000-1, ISO 19005-3).

Purpose: the same pages give the same bytes for ever; every reader opens the file, and a few lines read it back.
Rules: nothing is compressed; objects stand in the order of their numbers; the package comes first, right behind the
line that gives its length; colours are calibrated (CalRGB), text maps back to Unicode, metadata is XMP: PDF/A-3u.
Not here: what stands on the pages (:mod:`govchain.documents.certificate`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from govchain.crypto import get_suite
from govchain.documents.cff import FONT_BOX, encode_cff
from govchain.documents.fonts import FONT_NAME, UNITS_PER_EM, Font, Glyph
from govchain.documents.form import HEADER, FormLine, encode_form_line, package_prefix
from govchain.documents.page import PAGE_HEIGHT, PAGE_WIDTH, Page, Rectangle, Text

__all__ = ["Attachment", "encode_pdf"]

#: Numbers of the fixed objects; those of the pages follow in pairs.
_FILE, _FILE_SPEC, _CATALOG, _PAGES, _METADATA, _FONT, _CID_FONT, _DESCRIPTOR, _FONT_FILE, _TO_UNICODE = range(1, 11)
_FIRST_PAGE = 11
#: Subset fonts have six letters before their name.
_SUBSET_NAME = "GOVPAP+" + FONT_NAME
#: Entries that one block of a character map may have.
_MAP_BLOCK_MAX = 100
#: The sRGB primaries and D65, as PDF's calibrated colours name them.
_COLOURS = (
    "[/CalRGB << /WhitePoint [0.9505 1 1.089] /Gamma [2.2 2.2 2.2] "
    "/Matrix [0.4124 0.2126 0.0193 0.3576 0.7152 0.1192 0.1805 0.0722 0.9505] >>]"
)


@dataclass(frozen=True, slots=True)
class Attachment:
    """The attached package: its file name (ASCII), bytes and description."""

    name: str
    data: bytes
    description: str


def encode_pdf(
    pages: Sequence[Page], font: Font, *, line: FormLine, attachment: Attachment, title: str, created: str
) -> bytes:
    """The file. ``created`` is RFC 3339, or empty for a time that PDF cannot name; all text has been made visible."""
    used = sorted({c for page in pages for mark in page.marks if isinstance(mark, Text) for c in mark.text})
    glyphs = [_glyph(font, character) for character in used]
    numbers = {character: number for number, character in enumerate(used, 1)}
    file = _File(HEADER + encode_form_line(line))
    file.add(_FILE, package_prefix(len(attachment.data)), attachment.data, b"\nendstream\nendobj\n")
    name, about = _text(attachment.name), _text(attachment.description)
    file.object(
        _FILE_SPEC,
        f"<< /Type /Filespec /F {name} /UF {name} /Desc {about} /AFRelationship /Source"
        f" /EF << /F {_FILE} 0 R /UF {_FILE} 0 R >> >>",
    )
    file.object(
        _CATALOG,
        f"<< /Type /Catalog /Pages {_PAGES} 0 R /Metadata {_METADATA} 0 R /Lang {_text('zh-CN')}"
        f" /AF [{_FILE_SPEC} 0 R] /Names << /EmbeddedFiles << /Names [{name} {_FILE_SPEC} 0 R] >> >>"
        " /PageMode /UseNone /ViewerPreferences << /DisplayDocTitle true >> >>",
    )
    kids = " ".join(f"{_FIRST_PAGE + 2 * number} 0 R" for number in range(len(pages)))
    file.object(_PAGES, f"<< /Type /Pages /Count {len(pages)} /Kids [{kids}] >>")
    file.stream(_METADATA, "/Type /Metadata /Subtype /XML", _metadata(title, created).encode())
    _add_font(file, used, glyphs)
    resources = f"<< /Font << /F {_FONT} 0 R >> /ColorSpace << /C {_COLOURS} >> >>"
    box = f"[0 0 {_points(PAGE_WIDTH)} {_points(PAGE_HEIGHT)}]"
    for number, page in enumerate(pages):
        at = _FIRST_PAGE + 2 * number
        file.object(
            at,
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox {box} /Resources {resources} /Contents {at + 1} 0 R >>",
        )
        file.stream(at + 1, "", _contents(page, numbers))
    return file.finish()


class _File:
    """Objects one behind the other, and where each begins."""

    def __init__(self, head: bytes) -> None:
        self._parts = [head]
        self._length = len(head)
        self._offsets: list[int] = []

    def add(self, number: int, *parts: bytes) -> None:
        """Add the whole object ``number``; numbers rise by one."""
        assert number == len(self._offsets) + 1
        self._offsets.append(self._length)
        self._append(*parts)

    def object(self, number: int, content: str) -> None:
        self.add(number, f"{number} 0 obj\n{content}\nendobj\n".encode("ascii"))

    def stream(self, number: int, entries: str, data: bytes) -> None:
        start = f"{number} 0 obj\n<< {entries}{' ' if entries else ''}/Length {len(data)} >>\nstream\n"
        self.add(number, start.encode("ascii"), data, b"\nendstream\nendobj\n")

    def finish(self) -> bytes:
        """The table of places, the trailer, and all of it. The file's id is the SM3 of what stands before."""
        body = b"".join(self._parts)
        identity = get_suite("gm").digest(body).hex()[:32]
        count = len(self._offsets) + 1
        places = "".join(f"{offset:010d} 00000 n \n" for offset in self._offsets)
        end = (
            f"xref\n0 {count}\n0000000000 65535 f \n{places}trailer\n"
            f"<< /Size {count} /Root {_CATALOG} 0 R /ID [<{identity}> <{identity}>] >>\n"
            f"startxref\n{len(body)}\n%%EOF\n"
        )
        return body + end.encode("ascii")

    def _append(self, *parts: bytes) -> None:
        self._parts += parts
        self._length += sum(map(len, parts))


def _add_font(file: _File, used: Sequence[str], glyphs: Sequence[Glyph]) -> None:
    """The subset: character ``used[i]`` has the id ``i`` + 1."""
    file.object(
        _FONT,
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{_SUBSET_NAME} /Encoding /Identity-H"
        f" /DescendantFonts [{_CID_FONT} 0 R] /ToUnicode {_TO_UNICODE} 0 R >>",
    )
    widths = " ".join(str(glyph.width) for glyph in glyphs)
    file.object(
        _CID_FONT,
        f"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /{_SUBSET_NAME}"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
        f" /FontDescriptor {_DESCRIPTOR} 0 R /DW {UNITS_PER_EM} /W [1 [{widths}]] >>",
    )
    box = " ".join(map(str, FONT_BOX))
    file.object(
        _DESCRIPTOR,
        f"<< /Type /FontDescriptor /FontName /{_SUBSET_NAME} /Flags 4 /FontBBox [{box}] /ItalicAngle 0"
        f" /Ascent 880 /Descent -120 /CapHeight 733 /StemV 80 /FontFile3 {_FONT_FILE} 0 R >>",
    )
    file.stream(_FONT_FILE, "/Subtype /CIDFontType0C", encode_cff(_SUBSET_NAME, glyphs))
    file.stream(_TO_UNICODE, "", _unicode_map(used))


def _unicode_map(used: Sequence[str]) -> bytes:
    entries = [f"<{number:04X}> <{c.encode('utf-16-be').hex().upper()}>" for number, c in enumerate(used, 1)]
    blocks = [entries[at : at + _MAP_BLOCK_MAX] for at in range(0, len(entries), _MAP_BLOCK_MAX)]
    rows = [row for block in blocks for row in (f"{len(block)} beginbfchar", *block, "endbfchar")]
    return "\n".join(
        (
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
            *rows,
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        )
    ).encode("ascii")


def _contents(page: Page, numbers: dict[str, int]) -> bytes:
    """The drawing instructions of a page; PDF counts from the bottom."""
    rows = ["/C cs"]
    for mark in page.marks:
        rows.append(" ".join(_percent(part) for part in mark.colour) + " sc")
        if isinstance(mark, Rectangle):
            bottom = PAGE_HEIGHT - mark.y - mark.height
            rows.append(" ".join(map(_points, (mark.x, bottom, mark.width, mark.height))) + " re f")
        else:
            codes = "".join(f"{numbers[c]:04X}" for c in mark.text)
            place = f"{_points(mark.x)} {_points(PAGE_HEIGHT - mark.y)}"
            rows.append(f"BT /F {_points(mark.size)} Tf {place} Td <{codes}> Tj ET")
    return "\n".join(rows).encode("ascii")


def _metadata(title: str, created: str) -> str:
    """XMP: title, date, and that this is PDF/A-3u."""
    date = f'\n    xmp:CreateDate="{created}" xmp:ModifyDate="{created}"' if created else ""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
        '  <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
        '  <rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"\n'
        f'    pdfaid:part="3" pdfaid:conformance="U" xmp:CreatorTool="GovChain"{date}>\n'
        f'    <dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>\n'
        "  </rdf:Description>\n"
        "  </rdf:RDF>\n"
        "</x:xmpmeta>\n"
        '<?xpacket end="r"?>'
    )


def _glyph(font: Font, character: str) -> Glyph:
    glyph = font.glyph(character)
    assert glyph is not None  # pages hold visible text
    return glyph


def _text(text: str) -> str:
    """A text string object in hex, so that nothing in it is syntax."""
    if text.isascii():
        return f"<{text.encode('ascii').hex().upper()}>"
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


def _points(thousandths: int) -> str:
    """A length in points, exact."""
    sign = "-" if thousandths < 0 else ""
    whole, rest = divmod(abs(thousandths), 1000)
    return f"{sign}{whole}.{rest:03d}".rstrip("0").rstrip(".") if rest else f"{sign}{whole}"


def _percent(value: int) -> str:
    return _points(value * 10)
