"""The OpenAPI document is complete, and the pages made from it and from the settings are up to date."""

import jsonschema
import pytest

from govchain.model import Code
from govchain.node.settings import SETTINGS
from govchain.texts import sentence
from tests.api.route_cases import CASES
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


#: Numbers that count nothing: places, versions, codes and statuses.
NO_QUANTITY = {
    "code",
    "exit_code",
    "index",
    "leaf",
    "modules",
    "number",
    "protocol",
    "status",
    "step",
    "version",
}


def integers(entry):
    """Whether a value of that schema may be an integer, or hold one that is not in a type of its own."""
    if entry.get("type") == "integer":
        return True
    inner = [entry.get("items"), entry.get("additionalProperties")]
    inner += [part for word in ("anyOf", "allOf", "oneOf", "prefixItems") for part in entry.get(word, ())]
    return any(integers(part) for part in inner if isinstance(part, dict))


def test_quantities_name_their_unit(document):
    """Every integer of answers, bodies and parameters says in what it counts, or is one of those that count nothing."""
    fields = [
        (f"{name}.{field}", field, entry, entry["description"])
        for name, schema in document["components"]["schemas"].items()
        for field, entry in schema.get("properties", {}).items()
    ]
    fields += [
        (f"{name} {parameter['name']}", parameter["name"], parameter["schema"], parameter["description"])
        for name, operation in operations(document)
        for parameter in operation.get("parameters", ())
    ]
    lacking = [
        place
        for place, field, schema, description in fields
        if integers(schema) and field not in NO_QUANTITY and "Unit: " not in description
    ]
    assert lacking == []
    assert sum(integers(schema) for _, _, schema, _ in fields) > 80


def test_no_type_hides_fields_in_another(document):
    """Fields are in types with a name, so that each has its description: none stands inside another's schema."""

    def hidden(entry, top):
        if isinstance(entry, list):
            return any(hidden(part, False) for part in entry)
        if not isinstance(entry, dict):
            return False
        return (not top and "properties" in entry) or any(
            hidden(part, False)
            for word, value in entry.items()
            if word not in ("examples", "enum", "default")
            for part in (value.values() if word == "properties" else [value])
        )

    assert [name for name, schema in document["components"]["schemas"].items() if hidden(schema, True)] == []


def validator(document, schema):
    """Of that schema within the document; every type is closed: a field that it does not name is a fault."""
    schemas = {}
    for name, found in document["components"]["schemas"].items():
        closed = {"additionalProperties": False} if "properties" in found and name != "Problem" else {}
        schemas[name] = {**found, **closed}
    whole = {**schema, "components": {"schemas": schemas}}
    jsonschema.Draft202012Validator.check_schema(whole)
    return jsonschema.Draft202012Validator(whole)


def test_every_example_is_one(document):
    wrong = []
    for name, schema in document["components"]["schemas"].items():
        for field, entry in schema.get("properties", {}).items():
            check = validator(document, entry)
            wrong += [
                (name, field, str(example)[:80], fault.message[:80])
                for example in entry["examples"]
                for fault in check.iter_errors(example)
            ]
            refers = "#/components/schemas/" in str(entry)
            wrong += [(name, field, "empty") for example in entry["examples"] if refers and example in ([], {})]
    assert wrong == []


def test_real_answers_are_as_described(document, world):
    """Each success, refusal and bad input of each route, against the schema of its status and media type."""
    checked = set()
    for case in CASES:
        method, path = case.route.split(" ")
        place = case.path
        for name, value in world.facts.items():
            place = place.replace("{" + name + "}", value)
        token = world.running.login(world.actor) if case.session else ""
        with world.running.client(token) as client:
            answer = client.request(method, place, headers=case.headers, content=case.content(world))
        told = document["paths"][path][method.lower()]["responses"][str(answer.status_code)]
        media = answer.headers.get("content-type", "")
        assert (media in told["content"]) if answer.content else ("content" not in told), (case, media)
        if media.endswith("json"):
            faults = [
                fault.message
                for fault in validator(document, told["content"][media]["schema"]).iter_errors(answer.json())
            ]
            assert faults == [], case
            checked.add((case.route, answer.status_code < 400))
    assert len({route for route, good in checked if good}) > 30
    assert len({route for route, good in checked if not good}) > 30


def test_a_field_that_is_not_described_would_be_noticed(document):
    check = validator(document, {"$ref": "#/components/schemas/ChainStatus"})
    example = {
        field: entry["examples"][0]
        for field, entry in document["components"]["schemas"]["ChainStatus"]["properties"].items()
    }
    assert list(check.iter_errors(example)) == []
    assert list(check.iter_errors({**example, "more": 1}))
    assert list(check.iter_errors({**example, "height": "1"}))
    assert list(check.iter_errors({name: value for name, value in example.items() if name != "height"}))


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
