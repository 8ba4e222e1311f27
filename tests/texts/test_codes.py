from string import Formatter

import pytest

from govchain.model.codes import Code, is_receipt_code
from govchain.model.errors import GovChainError
from govchain.texts import LANGUAGES, codes, codes_ledger, codes_reader, keys, sentence
from tools import result_codes

each = pytest.mark.parametrize("code", sorted(Code), ids=lambda code: code.name)
#: Parameters that some call passes with some code.
KNOWN = {
    *("algorithm", "depth_max", "index", "length_max", "length_min", "member", "mode", "offset", "path", "reason"),
    *("scheme", "size_max", "source", "version"),
    # of requests to a node
    *(
        "address",
        "allowed",
        "count_max",
        "given",
        "limit_ms",
        "method",
        "retry_after_ms",
        "service",
        "supported",
        "url",
        "where",
    ),
    # of networks
    *("missing", "name"),
    # of claims
    "kind",
    # of an upgrade
    "height",
    # of the index
    *("key", "table"),
    # of resources and the clock
    *("found", "found_mib", "offset_ms", "wanted", "wanted_mib"),
}


def names(text):
    return [name for _, name, _, _ in Formatter().parse(text.replace("[[", "").replace("]]", "")) if name is not None]


def test_there_is_one_entry_for_each_code_and_no_other():
    assert {f"code.{code.name}" for code in Code} == set(codes.SENTENCES)
    assert not set(codes_ledger.PAIRS) & set(codes_reader.PAIRS)
    assert set(codes.SENTENCES) <= set(keys())


@each
def test_both_languages_say_it_with_the_same_parameters(code):
    entry = codes.SENTENCES[f"code.{code.name}"]
    assert tuple(entry) == LANGUAGES
    assert sorted(names(entry["zh"])) == sorted(names(entry["en"]))
    assert set(names(entry["en"])) <= KNOWN
    assert any("\u4e00" <= character <= "\u9fff" for character in entry["zh"])
    assert not any("\u4e00" <= character <= "\u9fff" for character in entry["en"])


@each
def test_a_sentence_reads_well_with_and_without_its_parameters(code):
    for language in LANGUAGES:
        entry = codes.SENTENCES[f"code.{code.name}"][language]
        assert entry.count("[[") == entry.count("]]")
        bare = sentence(f"code.{code.name}", language)
        full = sentence(f"code.{code.name}", language, **{name: f"«{name}»" for name in names(entry)})
        for said in (bare, full):
            assert not set("{}[]") & set(said), said
            assert "  " not in said
            assert not any(pair in said for pair in (" .", " ,", " :", "..", "。。", "，。", "：。", "()", "（）"))
        assert all(f"«{name}»" in full for name in names(entry))
        # What happened, and what to do: at least two sentences, except for success.
        assert code is Code.OK or bare.rstrip(".。").count("." if language == "en" else "。") >= 1, bare
        empty = sentence(f"code.{code.name}", language, **dict.fromkeys(names(entry), ""))
        assert empty == bare
        assert str(GovChainError(code)).startswith(f"{code.name} ({int(code)}): ")


def test_a_zero_is_shown_and_an_unknown_key_is_returned():
    assert "byte 0" in sentence("code.JSON_SYNTAX", "en", offset=0)
    assert sentence("code.NO_SUCH", "en") == "code.NO_SUCH"
    assert sentence("code.OK", "fr") == sentence("code.OK", "en")
    assert "{" in sentence("code.USAGE", "en", reason="{brace}")


def test_receipt_codes_are_those_that_a_rule_can_give():
    assert is_receipt_code(Code.OK)
    assert is_receipt_code(Code.ALGORITHM_NOT_ALLOWED)
    assert not any(is_receipt_code(code) for code in Code if 400 <= code < 500 or 600 <= code < 1000)
    assert all(is_receipt_code(code) for code in Code if 300 <= code < 400 or code >= 1000)


def test_the_page_of_result_codes_is_up_to_date():
    assert result_codes.main(["--check"]) == 0
    page = result_codes.DOCUMENT.read_text(encoding="utf-8")
    for code in Code:
        assert f"| {int(code)} | `{code.name}` | " in page


def test_a_page_that_is_out_of_date_is_noticed_and_written_anew(tmp_path, monkeypatch, capsys):
    page = tmp_path / "page.md"
    monkeypatch.setattr(result_codes, "DOCUMENT", page)
    assert result_codes.main(["--check"]) == 1
    assert result_codes.main(["--write"]) == 0
    assert result_codes.main(["--check"]) == 0
    page.write_text(page.read_text(encoding="utf-8").replace("| 240 |", "| 241 |"), encoding="utf-8")
    assert result_codes.main(["--check"]) == 1
    assert "--write" in capsys.readouterr().err


#: Numbers are for ever. A new code is added here with its number; a line that changes is a broken promise.
NUMBERS = """
0 100 110 115 120 125 126 130 131 132 135 140 145 146 147 148 150 160 165 170
200 205 210 211 215 220 225 230 231 232 235 240 245 250 260 300 310 320 330 340 390
400 410 420 430 440 450 460 470 471 472 473 474 475 480 485 490 495
600 605 610 615 620 625 626 630 635 636 640 641 642 645 650 655 660 665 670 671 672 673 674 675
680 681 682 683 684 685 686 690 699
1000 1010 1020 1030 1050 1060 2000 2010 2020 2030 2040 2050 2060 2070
"""


def test_no_number_has_been_taken_away():
    assert {int(number) for number in NUMBERS.split()} <= {int(code) for code in Code}
    for name, number in {"JSON_SYNTAX": 130, "SIGNATURE_INVALID": 235, "POOL_FULL": 400, "KEY_URI": 683}.items():
        assert Code[name] == number
