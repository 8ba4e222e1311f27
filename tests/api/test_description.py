"""The OpenAPI document is complete, and the pages made from it and from the settings are up to date."""

import pytest

from govchain.model import Code
from govchain.node.settings import SETTINGS
from govchain.texts import sentence
from tools import api_docs


@pytest.fixture(scope="module")
def document():
    return api_docs.document()


def test_every_field_has_a_description_and_an_example(document):
    lacking = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, entry in schema.get("properties", {}).items()
        if not entry.get("description") or not entry.get("examples")
    ]
    assert lacking == []


def test_every_type_has_a_description(document):
    assert [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")] == []


def test_quantities_name_their_unit(document):
    """A field whose name ends like a quantity's says in what it counts."""
    suffixes = ("_ms", "_ms_max", "time", "created", "expires", "_bytes_max")
    lacking = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, entry in schema.get("properties", {}).items()
        if field.endswith(suffixes)
        and "integer" in str(entry)
        and not ({"Unit:", "ms"} & set(entry["description"].replace(".", " ").replace(",", " ").split()))
    ]
    assert lacking == []


def operations(document):
    return [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_says_what_it_takes_and_answers(document):
    for name, operation in operations(document):
        assert operation["summary"], name
        for parameter in operation.get("parameters", ()):
            examples = parameter.get("examples") or parameter.get("example") or parameter["schema"].get("examples")
            assert parameter["description"], (name, parameter["name"])
            assert examples, (name, parameter["name"])
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_every_operation_lists_its_codes_under_their_statuses(document):
    for name, operation in operations(document):
        codes = operation["x-govchain-codes"]
        assert {"INTERNAL", "RATE_LIMITED", "PROTOCOL_UNKNOWN", "REQUEST_SHAPE"} <= set(codes), name
        told = " ".join(answer["description"] for answer in operation["responses"].values())
        for code in codes:
            assert code in Code.__members__
            assert f"{code}: " in told, (name, code)


def test_bytes_are_hex(document):
    record = document["components"]["schemas"]["TransactionRecord"]["properties"]
    assert record["body"]["pattern"] == "^([0-9a-f]{2})*$"
    assert "contentEncoding" not in str(document)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_setting_says_what_it_means(language):
    for row in SETTINGS:
        text = sentence(f"setting.{row.name}", language)
        assert text != f"setting.{row.name}", row.name


def test_the_pages_are_up_to_date():
    assert api_docs.main(["--check"]) == 0


def test_a_page_that_is_out_of_date_is_noticed(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(api_docs, "ROOT", tmp_path)
    monkeypatch.setattr(api_docs, "API_PAGE", tmp_path / "api" / "README.md")
    monkeypatch.setattr(api_docs, "SETTINGS_PAGE", tmp_path / "settings.md")
    assert api_docs.main(["--check"]) == 1
    assert "out of date" in capsys.readouterr().err
    assert api_docs.main(["--write"]) == 0
    assert api_docs.main(["--check"]) == 0
    (tmp_path / "settings.md").write_text("old")
    assert api_docs.main(["--check"]) == 1
