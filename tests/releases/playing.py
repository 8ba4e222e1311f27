"""Play a recorded conversation of an earlier release's client against a node, and compare the answers' shapes.

A conversation is a list of requests as that release sent them, with ``{names}`` for what earlier answers or the world
give, and for each answer the status, and the shape: which fields there were, and of which kind. A later node may answer
more; what was there stays there. Nothing here uses the SDK, which may change: signatures and frames are written out.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import msgspec

import govchain_native as native

HERE = Path(__file__).resolve().parent


def shape(value: Any) -> Any:
    """Objects by field, lists by their first member, all else by kind."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    if value is None:
        return "null"
    return {bool: "boolean", int: "integer", float: "number", str: "string"}[type(value)]


def missing(expected: Any, found: Any, where: str = "answer") -> list[str]:
    """What an earlier client relied on and would not find."""
    if expected == "null":
        return []  # it was told nothing, and could rely on nothing
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [f"{where} is no object"]
        gone = [f"{where}.{name} is gone" for name in expected if name not in found]
        kept = [missing(expected[name], found[name], f"{where}.{name}") for name in expected if name in found]
        return gone + [fault for faults in kept for fault in faults]
    if isinstance(expected, list):
        if not isinstance(found, list):
            return [f"{where} is no list"]
        if expected and not found:
            return [f"{where} is empty"]
        return missing(expected[0], found[0], f"{where}[0]") if expected else []
    return [] if shape(found) == expected else [f"{where} is no {expected}"]


class Player:
    """One client. ``known`` holds what ``{names}`` stand for; ``account`` is a secret key with an account."""

    def __init__(self, client: Any, secret: bytes, known: dict[str, str]) -> None:
        self.client, self.secret, self.known = client, secret, dict(known)
        self.key = native.sm2_public_key(secret)

    def play(self, step: dict[str, Any]) -> tuple[int, str, Any]:
        """Send one request; status, media type, and the JSON of the answer (None where it is none)."""
        headers = {name: self._filled(value) for name, value in step.get("headers", {}).items()}
        content = self._content(step)
        answer = self.client.request(step["method"], self._filled(step["path"]), headers=headers, content=content)
        media = answer.headers.get("content-type", "").partition(";")[0]
        plain = answer.json() if media.endswith("json") else None
        for name, way in step.get("keep", {}).items():
            value = plain
            for part in way:
                value = value[part]
            self.known[name] = str(value)
        return answer.status_code, media, plain

    def _filled(self, text: str) -> str:
        for name, value in self.known.items():
            text = text.replace("{" + name + "}", value)
        return text

    def _content(self, step: dict[str, Any]) -> bytes:
        kind = step.get("content", "")
        if kind == "evidence":
            return msgspec.msgpack.encode([self._envelope()])
        if kind == "login":
            text = self.known["challenge"]
            domain = b"govchain/session/1"
            head = len(domain).to_bytes(2, "big") + domain
            message = head + len(text.encode()).to_bytes(4, "big") + text.encode()
            body = {"challenge": text, "signature": native.sm2_sign(self.secret, self.key, message).hex()}
            return json.dumps(body).encode()
        if "body" in step:
            return self._filled(json.dumps(step["body"])).encode()
        return b""

    def _envelope(self) -> bytes:
        """A transaction as release 0.1 made it."""
        subject = {
            "capture": {"method": "api", "time": 0},
            "commitments": [],
            "media_type": "text/plain",
            "name": None,
            "sha256": os.urandom(32).hex(),
            "size": 3,
            "sm3": os.urandom(32).hex(),
        }
        body = {
            "chain": self.known["chain"],
            "expires": int(time.time() * 1000) + 300_000,
            "nonce": os.urandom(16).hex(),
            "payload": {"reference": "release", "subject": subject},
            "signers": [{"account": self.known["account"], "algorithm": "sm2-sm3", "key": self.key.hex()}],
            "type": "evidence.put",
            "version": 1,
        }
        data = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
        return msgspec.msgpack.encode([1, data, [native.sm2_sign(self.secret, self.key, data)]])
