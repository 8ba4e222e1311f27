"""Families meet the ledger, and each other, only through the port: every call is held to what the port declares."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from govchain.model import Code
from govchain.modules import port
from govchain.modules.accounts import MODULE as ACCOUNTS
from govchain.modules.evidence import MODULE as EVIDENCE
from govchain.modules.port import AccountFacts, Context, Directory, Outcome, StateView
from tests.ledger.kit import Kit, Ledger, id_of, item, make, new_account, put


class Strict:
    """Only what a protocol declares, with its arguments and nothing more; notes each call."""

    def __init__(self, protocol, target, calls):
        for name, declared in inspect.getmembers(protocol, inspect.isfunction):
            if not name.startswith("_"):
                setattr(self, name, self._bind(name, inspect.signature(declared), getattr(target, name), calls))

    @staticmethod
    def _bind(name, signature, function, calls):
        def call(*arguments, **named):
            signature.bind(None, *arguments, **named)
            calls.append(name)
            return function(*arguments, **named)

        return call


def held_to_the_port(module, calls):
    """The family with every rule behind strict views, and every answer looked at."""

    def strict(context):
        return dataclasses.replace(
            context,
            state=Strict(StateView, context.state, calls),
            directory=Strict(Directory, context.directory, calls),
        )

    def check(rule):
        def call(context, message):
            code = rule(strict(context), message)
            assert isinstance(code, Code)
            return code

        return call

    def apply(rule):
        def call(context, message):
            outcome = rule(strict(context), message)
            assert isinstance(outcome, Outcome)
            return outcome

        return call

    handlers = tuple(
        dataclasses.replace(handler, check=check(handler.check), apply=apply(handler.apply))
        for handler in module.handlers
    )
    return dataclasses.replace(module, handlers=handlers)


@pytest.mark.requirement("BJ.design.modular.08")
def test_every_call_between_modules_is_one_that_the_port_declares():
    """All types, allowed and refused: under strict views the codes are what they are without."""
    calls = []
    kit = Kit(modules=tuple(held_to_the_port(module, calls) for module in (ACCOUNTS, EVIDENCE)))
    ledger = Ledger(kit)
    department, boss = kit.department, kit.administrator
    fresh = new_account()
    register = {
        "administrator": False, "algorithm": "sm2-sm3", "key": fresh.key.hex(), "label": "", "roles": []
    }  # fmt: skip
    first = put(department)
    evidence = id_of(first).hex()
    batch = {"capture": item()["capture"], "count": 3, "reference": "r", "root": "ab" * 32, "total_size": 9}
    marking = {"evidence": evidence, "member": None, "reason": "error"}
    anchoring = {"evidence": evidence, "reference": "", "subject": item()}
    steps = [
        (first, Code.OK),
        (make("accounts.register", register, boss), Code.OK),
        (make("accounts.register", register, boss), Code.ACCOUNT_EXISTS),
        (make("accounts.freeze", {"account": fresh.address.hex(), "reason": "left"}, boss), Code.OK),
        (make("accounts.unfreeze", {"account": fresh.address.hex()}, boss), Code.OK),
        (make("accounts.unfreeze", {"account": "00" * 20}, boss), Code.ACCOUNT_UNKNOWN),
        (make("evidence.batch", batch, department), Code.OK),
        (make("evidence.supplement", anchoring, department), Code.OK),
        (make("evidence.supersede", {**anchoring, **marking}, department), Code.OK),
        (make("evidence.withdraw", marking, department), Code.EVIDENCE_SUPERSEDED),
    ]
    for envelope, code in steps:
        assert ledger.check(envelope) == code
        assert ledger.codes(envelope) == [code]
    assert {block.transactions[0].body.type for block in ledger.blocks} == kit.machine.types
    assert {"get", "account"} <= set(calls) <= {"get", "scan", "account", "organisation_name"}


def test_what_a_rule_may_know_cannot_be_changed_by_it():
    """Facts and outcomes are frozen; the port's public names are those that are meant."""
    facts = AccountFacts(bytes(20), "", (), False, True, "sm2-sm3", b"")
    with pytest.raises(dataclasses.FrozenInstanceError):
        facts.administrator = True
    assert sorted(port.__all__) == [
        "AccountFacts", "Context", "Directory", "Foundation", "Handler", "Module", "Outcome", "StateView", "Write",
    ]  # fmt: skip
    assert [field.name for field in dataclasses.fields(Context)] == [
        "suite", "genesis", "body", "transaction", "signers", "height", "index", "time", "state", "directory",
        "history", "protocol",
    ]  # fmt: skip
