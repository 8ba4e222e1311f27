"""The few questions to another member's engine that a joining engine has travel between nodes, and no others do."""

import http.client
import json

import pytest

from govchain.consensus.exchange.tunnel import check_question, encode_question
from govchain.model import Code, RefusedError
from govchain.peers import Kind
from tests.consensus.exchange.kit import members
from tests.ledger.kit import CHAIN


def test_the_engines_questions_travel_and_no_others():
    with members(3) as (first, second, joiner):
        asked(first, second, joiner)


def asked(first, second, joiner):
    heard = []

    def engine(body):
        heard.append(json.loads(body))
        return b'{"jsonrpc":"2.0","id":1,"result":{"of":"the engine"}}'

    first.exchange.tunnel._ask = engine
    place = joiner.exchange.tunnel.open(first.key)
    host, _, port = place.partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    question = {"jsonrpc": "2.0", "id": 1, "method": "commit", "params": {"height": "7"}}
    for _ in range(2):  # one connection for many questions
        connection.request("POST", "/", json.dumps(question))
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["result"]) == (200, {"of": "the engine"})
    assert heard == [question, question]
    connection.request("POST", "/", json.dumps({**question, "method": "broadcast_tx_sync"}))
    refused = connection.getresponse()
    assert (refused.status, refused.read()) == (403, b"")
    connection.close()
    body = json.dumps({**question, "method": "unsafe_flush_mempool"}).encode()
    with pytest.raises(RefusedError) as ours:  # and the other side looks for itself
        joiner.network.request(CHAIN, first.key, Kind.TUNNEL, body, 20)
    assert ours.value.code is Code.PEER_PROTOCOL
    with pytest.raises(RefusedError) as off:
        joiner.network.request(CHAIN, second.key, Kind.TUNNEL, json.dumps(question).encode(), 20)
    assert off.value.code is Code.SERVICE_OFF
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        ("", b'{"method":"status"}'),
        ("", b'{"method":"validators","params":{"height":"1","page":"1","per_page":"100"}}'),
        ("form", b"{"),
        ("form", b"[" * 4000),
        ("method", b"[]"),
        ("method", b'{"method":"genesis"}'),
        ("method", b'{"method":["status"]}'),
        ("parameters", b'{"method":"status","params":[]}'),
        ("parameters", b'{"method":"commit","params":{"height":{"a":1}}}'),
        ("parameters", b'{"method":"commit","params":{"hash":"00"}}'),
        ("size", b'{"method":"status"}' + b" " * 5000),
    ],
)
def test_what_may_be_asked_of_an_engine(fault, body):
    assert check_question(body) == fault


def test_the_engine_gets_a_question_written_anew():
    """Its own reader takes names without their case and the last of several: the asker's bytes never get there."""
    body = b'{"method":"status","Method":"net_info","METHOD":"net_info","id":7,"params":{},"extra":1}'
    assert check_question(body) == ""
    assert json.loads(encode_question(body)) == {"jsonrpc": "2.0", "id": 7, "method": "status", "params": {}}
    assert b"net_info" not in encode_question(body)
    assert json.loads(encode_question(b'{"method":"status","id":[1]}'))["id"] == 1
