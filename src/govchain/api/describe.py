"""The OpenAPI document: what each route answers, in full.

Purpose: ``describe`` gives the keyword arguments of a route's decorator; ``openapi`` builds the document and puts the
schemas of all answers into it. Rules: schemas come from the types themselves (dataclasses and msgspec structs), so that
they cannot drift; each field has a description, an example and, where it is a quantity, a unit: by ``msgspec.Meta`` on
the type, or by an entry in :mod:`govchain.api.fields`. Bytes are lower-case hex in JSON. A test walks the document.
Not here: routes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from govchain import __version__
from govchain.api.fields import FIELDS
from govchain.api.problems import MEDIA_TYPE, status_of
from govchain.model import Code
from govchain.services.build import build_id
from govchain.texts import sentence

__all__ = ["describe", "openapi"]

#: Codes that any route may answer.
ALWAYS: Final = (
    Code.PROTOCOL_UNKNOWN,
    Code.RATE_LIMITED,
    Code.REQUEST_SHAPE,
    Code.REQUEST_TOO_LARGE,
    Code.REQUEST_SLOW,
    Code.TIME_LIMIT,
    Code.INTERNAL,
)
#: Codes of routes that look at a session.
SESSION_CODES: Final = (Code.SESSION_REQUIRED, Code.SESSION_INVALID)

#: Every type that a route answers or takes, by name: filled by :func:`describe` as the routers are loaded.
_TYPES: dict[str, type] = {}
_REF = "#/components/schemas/{name}"


def describe(
    summary: str,
    *,
    answer: type | None = None,
    text: str = "",
    codes: Iterable[Code] = (),
    media: str = "application/json",
    status: int = 200,
    session: bool = True,
    body: Mapping[str, Any] | None = None,
    example: Any = None,
    cached: bool = False,
    types: Iterable[type] = (),
    also: Mapping[int, str] | None = None,
) -> dict[str, Any]:
    """Keyword arguments for ``router.get(path, **describe(…))`` and its siblings.

    Args:
        summary: one line.
        answer: the type of the JSON answer; None where it is not JSON of ours.
        text: more words, where one line does not do.
        codes: result codes of this route, beside those that every route may answer.
        media: media type of the answer.
        status: status of success.
        session: whether the route looks at a session, which adds the session codes.
        body: the OpenAPI ``requestBody``, where the route reads it itself.
        example: example of an answer that has no type.
        cached: whether the answer carries an ETag and 304 may come.
        types: types that ``body`` refers to.
        also: other statuses of success, with what they mean; the same answer.
    """
    every = sorted({*codes, *ALWAYS, *(SESSION_CODES if session else ())})
    content: dict[str, Any] = {"schema": {"type": "string"}}
    if answer is not None:
        content = {"schema": {"$ref": _REF.format(name=answer.__name__)}}
    elif media == "application/json":
        content = {"schema": {"type": "object"}}
    if example is not None:
        content["example"] = example
    responses: dict[int | str, dict[str, Any]] = {status: {"description": summary, "content": {media: content}}}
    if media == "" or status == 204:
        responses = {status: {"description": summary}}
    for other, meaning in (also or {}).items():
        responses[other] = {"description": meaning, "content": {media: content}}
    if cached:
        responses[304] = {"description": "unchanged: the client has what the ETag names"}
    by_status: dict[int, list[Code]] = {}
    for code in every:
        by_status.setdefault(status_of(code), []).append(code)
    for number, members in sorted(by_status.items()):
        responses[number] = {
            "description": "; ".join(f"{code.name}: {_plain(code)}" for code in members),
            "content": {
                MEDIA_TYPE: {
                    "schema": {"$ref": _REF.format(name="Problem")},
                    "example": {
                        "type": f"urn:govchain:code:{members[0].name}",
                        "title": sentence(f"status.{number}", "en"),
                        "status": number,
                        "detail": _plain(members[0]),
                        "instance": "4f1c9a0b-2a",
                        "code": members[0].name,
                        "number": int(members[0]),
                        "params": {},
                    },
                }
            },
        }
    extra: dict[str, Any] = {"x-govchain-codes": [code.name for code in every]}
    for kind in (*types, *([] if answer is None else [answer])):
        if _TYPES.setdefault(kind.__name__, kind) is not kind:
            raise TypeError(f"two types are named {kind.__name__}")
    if body is not None:
        extra["requestBody"] = dict(body)
    if session:
        extra["security"] = [{"session": []}, {}]
    return {
        "summary": summary,
        "description": text or summary,
        "status_code": status,
        "response_class": Response,
        "response_model": None,
        "responses": responses,
        "openapi_extra": extra,
    }


def openapi(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of ``app``, complete."""
    document = get_openapi(
        title="GovChain (政链)",
        version=__version__,
        summary="A node's HTTP interface",
        description=sentence("api.description", "en"),
        routes=[route for route in app.routes if isinstance(route, APIRoute)],
    )
    for methods in document["paths"].values():
        for operation in methods.values():
            if "HTTPValidationError" in str(operation["responses"].get("422", "")):
                del operation["responses"]["422"]
    document["info"]["x-govchain-build"] = build_id()
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    schemas["Problem"] = _PROBLEM
    _, found = msgspec.json.schema_components(
        [_TYPES[name] for name in sorted(_TYPES)], schema_hook=_hook, ref_template=_REF
    )
    for name, schema in found.items():
        schemas[name] = _documented(name, schema)
    schemas["Code"] = {
        "type": "string",
        "description": "Name of a result code (docs/spec/result-codes.md).",
        "enum": [code.name for code in Code],
        "examples": ["OK"],
    }
    _fill_examples(schemas)
    document["components"]["securitySchemes"] = {
        "session": {"type": "http", "scheme": "bearer", "description": sentence("api.session", "en")}
    }
    return document


def _plain(code: Code) -> str:
    return sentence(f"code.{code.name}", "en")


def _hook(kind: type) -> dict[str, Any]:
    if kind is object:
        return {"title": "any value"}
    raise NotImplementedError(f"no schema for {kind}")


def _documented(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with what :mod:`govchain.api.fields` says about its fields, and bytes as hex."""
    notes = FIELDS.get(name, {})
    for field, entry in list(schema.get("properties", {}).items()):
        _hex(entry)
        note = notes.get(field)
        if note is not None:
            entry["description"] = note.text + (f" Unit: {note.unit}." if note.unit else "")
            entry["examples"] = [note.example]
            if "$ref" in entry:
                schema["properties"][field] = {"allOf": [{"$ref": entry.pop("$ref")}], **entry}
    return schema


def _fill_examples(schemas: Mapping[str, dict[str, Any]]) -> None:
    """Where a field's example stands empty, and other types fill the field: an example made of theirs."""
    for schema in schemas.values():
        for entry in schema.get("properties", {}).values():
            if entry.get("examples", [None])[0] in ([], {}):
                entry["examples"] = [_example(entry, schemas)]


def _example(entry: Mapping[str, Any], schemas: Mapping[str, dict[str, Any]]) -> Any:
    """A value of that schema: what it says itself, else what its types say field by field."""
    if entry.get("examples", [None])[0] not in (None, [], {}):
        return entry["examples"][0]
    for part in (entry, *entry.get("allOf", ()), *entry.get("anyOf", ())):
        if "$ref" in part:
            named = schemas[part["$ref"].rpartition("/")[2]]
            if "properties" not in named:
                return named["examples"][0]
            return {field: _example(inner, schemas) for field, inner in named["properties"].items()}
    if isinstance(entry.get("items"), dict) and "$ref" in entry["items"]:
        return [_example(entry["items"], schemas)]
    if isinstance(entry.get("additionalProperties"), dict) and "$ref" in entry["additionalProperties"]:
        value = _example(entry["additionalProperties"], schemas)
        return {str(value.get("identifier", value.get("id", "name"))): value}
    return entry.get("examples", [None])[0]


def _hex(entry: Any) -> None:
    """Replace msgspec's base64 by lower-case hex, wherever it stands."""
    if isinstance(entry, dict):
        if entry.pop("contentEncoding", None) == "base64":
            entry["pattern"] = "^([0-9a-f]{2})*$"
        for value in entry.values():
            _hex(value)
    elif isinstance(entry, list):
        for value in entry:
            _hex(value)


_PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "description": "An error (RFC 9457), in Chinese or English by Accept-Language.",
    "required": ["type", "title", "status", "detail", "instance", "code", "number", "params"],
    "properties": {
        "type": {
            "type": "string",
            "description": "A URN made of the code.",
            "examples": ["urn:govchain:code:NOT_FOUND"],
        },
        "title": {"type": "string", "description": "The status in words.", "examples": ["Not found"]},
        "status": {"type": "integer", "description": "The HTTP status.", "examples": [404]},
        "detail": {"type": "string", "description": "What happened and what to do.", "examples": ["There is no …"]},
        "instance": {
            "type": "string",
            "description": "The request's id, which is in the node's log.",
            "examples": ["4f1c9a0b-2a"],
        },
        "code": {
            "type": "string",
            "description": "The result code's name (docs/spec/result-codes.md).",
            "examples": ["NOT_FOUND"],
        },
        "number": {"type": "integer", "description": "The result code's number.", "examples": [665]},
        "params": {
            "type": "object",
            "description": "The values that the sentence names.",
            "examples": [{"reason": "block 12"}],
        },
    },
}
