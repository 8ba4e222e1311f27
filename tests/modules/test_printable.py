"""Text that people read is one printable line: no control characters, no marks that turn the direction of writing."""

from __future__ import annotations

import pytest

from govchain.ledger import prepare
from govchain.model import Code
from govchain.modules.accounts.messages import Register
from govchain.modules.accounts.rules import MODULE as ACCOUNTS
from tests.ledger.kit import CREATED, Kit, item, make

BAD = ["a\x1b[31mb", "a\nb", "a\x07", "\u202eabc", "a\u2028b", "\x7f"]


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        ("evidence.put", {"subject": item()}, Code.EVIDENCE_ITEM),
        (
            "evidence.batch",
            {"capture": {"method": "folder", "time": CREATED}, "count": 1, "root": "00" * 32, "total_size": 0},
            Code.EVIDENCE_BATCH,
        ),
    ],
)
def test_a_reference_is_one_printable_line(text: str, kind: str, payload: dict[str, object], code: Code) -> None:
    kit = Kit()
    (prepared,) = prepare(kit.machine, [make(kind, {**payload, "reference": text}, kit.department)])
    assert prepared.message_code == code
    (fine,) = prepare(kit.machine, [make(kind, {**payload, "reference": "第 1 号 №"}, kit.department)])
    assert fine.message_code == Code.OK


@pytest.mark.parametrize("text", BAD)
def test_a_label_is_one_printable_line(text: str) -> None:
    from tests.ledger.kit import new_account

    kit = Kit()
    account = new_account()
    message = Register(administrator=False, algorithm="sm2-sm3", key=account.key.hex(), label=text, roles=())
    (handler,) = [handler for handler in ACCOUNTS.handlers if handler.type == "accounts.register"]

    class View:
        genesis, suite, sender = kit.genesis, kit.machine.suite, type("S", (), {"roles": ()})
        state = type("State", (), {"get": staticmethod(lambda key: None)})

    assert handler.check(View, message) == Code.ACCOUNT_LABEL
