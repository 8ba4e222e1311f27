"""Certificates as a stranger's PDF reader sees them, and whether anything on them can be changed unnoticed."""

import io
import logging
import re

import pytest
from fontTools.cffLib import CFFFontSet
from fontTools.pens.recordingPen import RecordingPen
from pypdf import PdfReader, PdfWriter

from govchain import documents, proof
from govchain.documents.fonts import load_font
from govchain.documents.form import HEADER
from govchain.model import Code, RefusedError, UsageError, VerificationError
from tests.proof.agree import NOTHING
from tests.proof.chainkit import CITY, KINDS, Chain, batch, item, private_item, sm3
from tools.tidy.tree import ROOT

VECTORS = ROOT / "tests" / "vectors" / "paper"
ADDRESS = "https://chain.example.gov.cn/verify"


def drawn(chain, spec, url=""):
    """The package, its facts and its certificate."""
    data = chain.package(spec)
    facts = proof.verify_package(data, kinds=KINDS, trusted=NOTHING).facts
    return data, facts, documents.render_certificate(data, facts, url=url)


def put(chain, reference="A-1", **more):
    return chain.add(chain.body("evidence.put", {"reference": reference, "subject": item(**more)}))[0]


def read(pdf):
    """What a reader shows of each page, without the breaks between lines."""
    return [page.extract_text().replace("\n", "") for page in PdfReader(io.BytesIO(pdf), strict=True).pages]


@pytest.fixture(scope="module")
def plain():
    chain = Chain(name="gov-test")
    id = put(chain)
    return id, *drawn(chain, {"id": id, "at": 1}, ADDRESS)


def test_a_reader_finds_everything_that_the_package_proves(plain, caplog):
    id, data, facts, pdf = plain
    with caplog.at_level(logging.WARNING, "pypdf"):
        reader = PdfReader(io.BytesIO(pdf), strict=True)
        [text] = read(pdf)
    assert not caplog.records
    claim = facts.claims[0]
    about = claim.subject.item
    wanted = (
        "存证证书", "Certificate of Electronic Evidence", facts.chain, facts.genesis, id, about.name,
        about.sm3, about.sha256, "7 字节", "text/plain", "A-1", CITY[0], CITY[1], claim.accounts[0],
        "有效 / in force", ADDRESS, sm3(data).hex(),
        "2025-10-09T16:53:21.000+08:00", "block 1, number 1 of 1", "第 1 页，共 1 页", "page 1 of 1",
        "内容在存证时是否真实", "that the content was true", "govchain verify",
    )  # fmt: skip
    assert [words for words in wanted if words not in text] == []
    assert {name: list(files) for name, files in reader.attachments.items()} == {f"{id[:16]}.gcp": [data]}


def test_it_is_laid_out_as_pdf_a_3_wants(plain):
    _, data, _, pdf = plain
    reader = PdfReader(io.BytesIO(pdf), strict=True)
    root = reader.trailer["/Root"]
    assert pdf.startswith(b"%PDF-1.7\n%")
    assert all(byte > 127 for byte in pdf[10:14])
    assert reader.xmp_metadata.dc_title["x-default"] == documents.paper_title(plain[2])
    assert b'pdfaid:part="3" pdfaid:conformance="U"' in root["/Metadata"].get_data()
    [associated] = root["/AF"]
    assert associated.get_object()["/AFRelationship"] == "/Source"
    file = associated.get_object()["/EF"]["/F"]
    assert (file["/Subtype"], file["/Params"]["/Size"], file.get_data()) == ("/application/zip", len(data), data)
    font = reader.pages[0]["/Resources"]["/Font"]["/F"]
    assert font["/DescendantFonts"][0]["/FontDescriptor"]["/FontFile3"]["/Subtype"] == "/CIDFontType0C"
    assert "/ToUnicode" in font
    # Nothing compressed, nothing that acts, no date but the block's.
    assert not re.search(rb"/Filter|/JavaScript|/JS\b|/OpenAction|/AA\b|/Launch|/URI|/Encrypt|/Info", pdf)
    assert set(re.findall(rb"20\d\d-\d\d-\d\dT[0-9:.+]+", pdf.replace(data, b""))) == {b"2025-10-09T16:53:21.000+08:00"}
    assert len(pdf) < 300_000


def test_the_font_inside_draws_what_the_font_draws(plain):
    """A second reader of fonts finds for each character the outline and width of the font that is named."""
    pdf = plain[3]
    font = PdfReader(io.BytesIO(pdf)).pages[0]["/Resources"]["/Font"]["/F"]
    described = font["/DescendantFonts"][0]
    fonts = CFFFontSet()
    fonts.decompile(io.BytesIO(described["/FontDescriptor"]["/FontFile3"].get_data()), None)
    inside = fonts[fonts.fontNames[0]]
    pairs = re.findall(r"<([0-9A-F]{4})> <([0-9A-F]+)>", font["/ToUnicode"].get_data().decode())[1:]
    widths = described["/W"][1]
    assert len(pairs) == len(widths) == len(inside.charset) - 1 > 200
    for number, code in pairs:
        character = bytes.fromhex(code).decode("utf-16-be")
        name = inside.charset[int(number, 16)]
        pen = RecordingPen()
        inside.CharStrings[name].draw(pen)
        expected = load_font().glyph(character)
        kinds = {"moveTo": "m", "lineTo": "l", "curveTo": "c"}
        outline = tuple(
            (kinds[kind], tuple(value for point in points for value in point))
            for kind, points in pen.value
            if kind in kinds
        )
        assert outline == expected.outline
        assert inside.CharStrings[name].width == expected.width == widths[int(number, 16) - 1]


def test_mainland_shapes_are_drawn():
    font = load_font()
    # 骨 and 门 are written otherwise in Taiwan; the same name in the font would mean the regional shape was missed.
    name = font._characters[ord("骨")]
    assert font._local[name] != name
    assert font.glyph("政").width == 1000


def test_the_same_package_gives_the_same_bytes(plain):
    _, data, facts, pdf = plain
    load_font.cache_clear()
    assert documents.render_certificate(data, facts, url=ADDRESS) == pdf
    assert documents.render_certificate(data, facts) != pdf


def test_the_form_is_frozen():
    """The page of a certificate that was drawn long ago is still the one made from its package, on every version.

    Whoever changes what is drawn makes a new version of the form (docs/spec/paper.md) and keeps this one.
    """
    for path in sorted(VECTORS.glob("*.pdf")):
        verified, paper = documents.verify_document(path.read_bytes(), kinds=KINDS, trusted=NOTHING)
        assert verified.report.steps[-1].outcome == "held"
        assert documents.render_certificate(paper.package, verified.facts, url=paper.url) == path.read_bytes()
    assert len(list(VECTORS.glob("*.pdf"))) == 2


def test_a_certificate_is_its_own_proof(plain):
    _, data, facts, pdf = plain
    paper = documents.decode_paper(pdf)
    assert (paper.package, paper.url) == (data, ADDRESS)
    verified, found = documents.verify_document(pdf, kinds=KINDS, trusted=NOTHING)
    assert (verified.facts, found) == (facts, paper)
    last = verified.report.steps[-1]
    assert (last.number, last.name, last.outcome, last.detail) == (13, "paper", "held", ADDRESS)
    assert verified.report.exit_code == 3
    package, nothing = documents.verify_document(data, kinds=KINDS, trusted=NOTHING)
    assert (package.facts, nothing, len(package.report.steps)) == (facts, None, 12)


def refusal(data):
    with pytest.raises(VerificationError) as refused:
        documents.verify_document(data, kinds=KINDS, trusted=NOTHING)
    return refused.value.code, refused.value.step


def test_no_byte_can_be_changed_unnoticed(plain):
    _, data, _, pdf = plain
    start = pdf.index(data)
    places = [0, 9, 20, len(HEADER) + 3, start - 2, start, start + 40, start + len(data) - 1, start + len(data) + 3]
    places += [*range(start + len(data) + 100, len(pdf), len(pdf) // 24), len(pdf) - 2]
    seen = set()
    for place in places:
        changed = bytearray(pdf)
        changed[place] ^= 1
        seen.add(refusal(bytes(changed))[0])
    assert seen >= {Code.PAPER_CONTAINER, Code.PAPER_ALTERED, Code.PACKAGE_CONTAINER}


@pytest.mark.parametrize(
    ("defect", "change"),
    [
        (
            "another digit on the page",
            lambda pdf: re.sub(rb"Td <(\w{8})(\w{248})> Tj", rb"Td <\g<1>\g<1>\2> Tj", pdf, count=1),
        ),
        ("something behind the end", lambda pdf: pdf + b"\n"),
        ("a later revision of the page", lambda pdf: pdf + b"12 0 obj\n<< /Length 0 >>\nstream\n\nendstream\nendobj\n"),
        ("the end cut off", lambda pdf: pdf[:-6]),
        ("another address in the first lines", lambda pdf: pdf.replace(b"chain.example", b"chain.exbmple", 1)),
        ("a glyph that looks like another", lambda pdf: pdf.replace(b"<0001> <", b"<0002> <", 1)),
    ],
)
def test_a_page_that_is_not_the_one_made_from_the_package_is_refused(plain, defect, change):
    changed = change(plain[3])
    assert changed != plain[3]
    assert refusal(changed) == (Code.PAPER_ALTERED, 13)


@pytest.mark.parametrize(
    ("defect", "data"),
    [
        ("empty", b"%PDF-"),
        ("another program's", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n"),
        ("no first line", HEADER + b"%govchain-paper/1 "),
        ("an endless first line", HEADER + b"%govchain-paper/1 " + b" " * 5000),
        ("no JSON", HEADER + b"%govchain-paper/1 nothing\n"),
        ("a field more", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","more":1,"package":1,"url":""}\n'),
        ("a field twice", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","package":1,"package":1,"url":""}\n'),
        ("negative", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","package":-1,"url":""}\n'),
        ("huge", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","package":99999999999999999999,"url":""}\n'),
        ("another form", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/2","package":1,"url":""}\n'),
        ("not canonical", HEADER + b'%govchain-paper/1 {"form": "govchain-paper/1","package":1,"url":""}\n'),
        ("a bad address", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","package":1,"url":"file:///"}\n'),
        ("no package", HEADER + b'%govchain-paper/1 {"form":"govchain-paper/1","package":1,"url":""}\n'),
    ],
)
def test_a_malformed_file_is_refused_before_anything_is_read(defect, data):
    assert refusal(data) == (Code.PAPER_CONTAINER, 1)


def test_a_package_longer_than_the_file_is_refused(plain):
    _, data, _, pdf = plain
    at = pdf.index(data)
    assert refusal(pdf[: at + len(data) // 2]) == (Code.PAPER_CONTAINER, 1)


def test_a_file_beyond_the_limit_is_refused(plain):
    assert refusal(plain[3] + bytes(documents.PAPER_BYTES_MAX))[0] == Code.PAPER_CONTAINER


def test_a_file_that_another_program_wrote_again_is_refused_though_its_attachment_holds(plain):
    _, _, facts, pdf = plain
    writer = PdfWriter(clone_from=io.BytesIO(pdf))
    again = io.BytesIO()
    writer.write(again)
    assert refusal(again.getvalue()) == (Code.PAPER_CONTAINER, 1)
    [[attached]] = PdfReader(again).attachments.values()
    assert proof.verify_package(attached, kinds=KINDS, trusted=NOTHING).facts == facts


def test_a_page_around_another_package_is_refused(plain):
    """A genuine page with the package of another record inside."""
    chain = Chain(name="gov-test")
    other = put(chain, reference="A-2", name="别的.txt")
    data, _, _ = drawn(chain, {"id": other, "at": 1}, ADDRESS)
    _, own, _, pdf = plain
    from govchain.documents.form import FormLine, encode_form_line, package_prefix

    mixed = pdf.replace(own, data).replace(package_prefix(len(own)), package_prefix(len(data)))
    lines = [encode_form_line(FormLine("govchain-paper/1", len(one), ADDRESS)) for one in (own, data)]
    assert refusal(mixed.replace(*lines)) == (Code.PAPER_ALTERED, 13)


def test_a_batch_and_a_leaf_of_it():
    chain = Chain()
    id, items = batch(chain, 3)
    [whole] = read(drawn(chain, {"id": id, "at": 1})[2])
    assert "存证项数" in whole
    assert "single items may have been marked on their own" in whole
    pdf = drawn(chain, {"id": id, "at": 1, "member": 2, "items": items})[2]
    text = "".join(read(pdf))
    assert f"{id}.2" in text
    assert "number 3 of 3" in text
    assert "2.txt" in text
    assert f"{id[:16]}.2.gcp" in PdfReader(io.BytesIO(pdf)).attachments
    documents.verify_document(pdf, kinds=KINDS, trusted=NOTHING)


@pytest.mark.parametrize(("kind", "words"), [("withdrawn", "已撤回 WITHDRAWN"), ("superseded", "已被取代 SUPERSEDED")])
def test_an_ended_record_says_so_on_every_page(kind, words):
    chain = Chain(test_clock=True)
    id = put(chain, reference="x" * 128, name="长" * 255)
    chain.mark(id, kind, reason="lawful_order")
    pages = read(drawn(chain, {"id": id, "at": 2})[2])
    assert len(pages) == 2
    for page in pages:
        assert words in page
        assert "测试链，不具证明力 TEST CHAIN" in page
        assert id in page
    assert "依法处置 / lawful order" in pages[0] + pages[1]
    assert pages[1].count("page 2 of 2") == 1


def test_private_content_is_not_on_the_page_unless_it_was_opened():
    chain = Chain()
    about, openings = private_item(chain)
    id = chain.add(chain.body("evidence.put", {"reference": "", "subject": about}))[0]
    [closed] = read(drawn(chain, {"id": id, "at": 1})[2])
    assert "王五" not in closed
    assert "a commitment to the electronic data" in closed
    assert "not public" in closed
    [opened] = read(drawn(chain, {"id": id, "at": 1, "openings": openings})[2])
    assert "王五.pdf" in opened
    assert sm3(b"content").hex() in opened


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("𠮷野家.txt", "𠮷野家.txt"),
        ("\U0001f600.txt", "\\U0001f600.txt"),
        ("عقد.pdf", "\\u0639\\u0642\\u062f.pdf"),
        ("a\u3164b", "a\\u3164b"),
        ("a\u200bb", "a\\u200bb"),
        ("a\ufe0fb", "a\\ufe0fb"),
        ("a\u00a0b", "a\\u00a0b"),
        ("back\\slash", "back\\\\slash"),
        (" lead", "\\u0020lead"),
        ("two  spaces ", "two\\u0020\\u0020spaces\\u0020"),
        ("\ufffe", "\\ufffe"),
        ("e\u0301", "e\\u0301"),
        ("<b>&amp;", "<b>&amp;"),
        ("(a) \\) Tj ET", "(a) \\\\) Tj ET"),
    ],
)
def test_nothing_in_a_name_is_invisible_or_acts(name, shown):
    chain = Chain()
    pdf = drawn(chain, {"id": put(chain, name=name), "at": 1})[2]
    assert shown in "".join(read(pdf))
    documents.verify_document(pdf, kinds=KINDS, trusted=NOTHING)


def test_a_name_of_spaces_takes_as_many_lines_as_it_needs():
    chain = Chain()
    pdf = drawn(chain, {"id": put(chain, name=" " * 255), "at": 1})[2]
    assert "".join(read(pdf)).count("\\u0020") == 255


def test_only_one_record_has_a_certificate(plain):
    chain = Chain()
    one, two = put(chain), put(chain, reference="B")
    both = chain.package({"id": one, "at": 2}, {"id": two, "at": 2})
    facts = proof.verify_package(both, kinds=KINDS, trusted=NOTHING).facts
    with pytest.raises(RefusedError) as refused:
        documents.render_certificate(both, facts)
    assert refused.value.code is Code.PAPER_SUBJECT
    bare = chain.package({"id": one})
    with pytest.raises(RefusedError) as refused:
        documents.render_certificate(bare, proof.verify_package(bare, kinds=KINDS, trusted=NOTHING).facts)
    assert refused.value.code is Code.PAPER_SUBJECT
    # Somebody put such a package into a certificate's file: no page can be the one made from it.
    _, own, _, pdf = plain
    from govchain.documents.form import FormLine, encode_form_line, package_prefix

    lines = [encode_form_line(FormLine("govchain-paper/1", len(data), ADDRESS)) for data in (own, both)]
    forged = pdf.replace(own, both).replace(package_prefix(len(own)), package_prefix(len(both))).replace(*lines)
    assert refusal(forged) == (Code.PAPER_ALTERED, 13)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://x",
        "https://x y",
        "https://x/" + "a" * 200,
        "https://例子",
        "javascript:alert(1)",
        "https://x#y",
        'https://"',
        "x",
    ],
)
def test_an_address_that_is_none_is_refused(plain, url):
    with pytest.raises(UsageError):
        documents.render_certificate(plain[1], plain[2], url=url)


def test_a_time_that_no_calendar_of_pdf_knows_leaves_the_date_out(plain):
    from dataclasses import replace

    late = replace(plain[2], time=2**53 - 1)
    assert b"CreateDate" not in documents.render_certificate(plain[1], late)
