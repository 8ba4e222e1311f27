"""A family of rules on trial: each act is one way for a rule to behave, good or bad."""

from __future__ import annotations

from msgspec import Struct

from govchain.model import Code, GovChainError, RefusedError, UnavailableError, UsageError
from govchain.model.wire import Event
from govchain.modules.port import Context, Handler, Module, Outcome
from govchain.state import Namespace

VALUE = b"trial.value/"
LIVE = b"trial.live/"
#: Keys that one act of "bulk" writes.
BULK = 15_000


class Act(Struct, frozen=True, forbid_unknown_fields=True):
    """What to do, and to which key."""

    act: str
    key: str = "x"


def event(**data):
    return Event(data=data, organisation="", reference="", type="trial.acted")


def nested(levels):
    value = {}
    for _ in range(levels):
        value = {"a": value}
    return value


def fail(error):
    raise error


def recurse():
    return recurse() + 1


#: Acts that fail by mistake, and where.
IN_MESSAGE = {
    "message raises": lambda: fail(ValueError("message")),
    "message answers nothing": lambda: None,
    "message answers a code of the pool": lambda: Code.POOL_FULL,
}
IN_CHECK = {
    "check raises": lambda: fail(ValueError("check")),
    "check raises an error of ours": lambda: fail(RefusedError(Code.NOT_FOUND)),
    "check recurses for ever": recurse,
    "check asserts": lambda: fail(AssertionError()),
    "check answers nothing": lambda: None,
    "check answers False": lambda: False,
    "check answers a number": lambda: 2020,
    "check answers a code of the pool": lambda: Code.POOL_FULL,
    "check answers a code of the proposal": lambda: Code.REPLAYED,
}
IN_APPLY = {
    "apply raises": lambda: fail(KeyError("apply")),
    "apply raises an error of ours": lambda: fail(UsageError(Code.USAGE, reason="")),
    "apply raises the error of a key without a namespace": lambda: fail(GovChainError(Code.INTERNAL, reason="")),
    "apply answers nothing": lambda: None,
    "writes to another family": lambda: Outcome(writes=((b"accounts.account/" + bytes(20), b"{}"),)),
    "removes from another family": lambda: Outcome(writes=((b"accounts.organisation/x", None),)),
    "writes first at home, then elsewhere": lambda: Outcome(writes=((VALUE + b"y", b"1"), (b"evidence.record/", b"1"))),
    "writes to a family whose name starts alike": lambda: Outcome(writes=((b"trials.value/x", b"1"),)),
    "writes to a namespace that it does not declare": lambda: Outcome(writes=((b"trial.other/x", b"1"),)),
    "writes without a namespace": lambda: Outcome(writes=((b"trial.value", b"1"),)),
    "writes a text key": lambda: Outcome(writes=(("trial.value/x", b"1"),)),
    "writes a text": lambda: Outcome(writes=((VALUE + b"x", "1"),)),
    "writes a number": lambda: Outcome(writes=((VALUE + b"x", 1),)),
    "writes what is no pair": lambda: Outcome(writes=(VALUE,)),
    "tells a fraction": lambda: Outcome(events=(event(value=0.5),)),
    "tells too large a number": lambda: Outcome(events=(event(value=2**53),)),
    "tells an endless number": lambda: Outcome(events=(event(value=2**64),)),
    "tells half a character": lambda: Outcome(events=(event(value="\ud800"),)),
    "tells an object": lambda: Outcome(events=(event(value=object()),)),
    "tells too deeply": lambda: Outcome(events=(event(value=nested(40)),)),
    "tells a key twice": lambda: Outcome(events=(Event({"1": 1, 1: 2}, "", "", "trial.acted"),)),
}
#: Failures of the machine: the node stops rather than making a receipt that others do not have.
OF_THE_MACHINE = {
    "no memory": lambda: fail(MemoryError()),
    "no disk": lambda: fail(OSError()),
    "no store": lambda: fail(UnavailableError(Code.STORE_CORRUPT, path="", reason="")),
}


def check_message(message: Act) -> Code:
    return IN_MESSAGE.get(message.act, lambda: Code.OK)()


def check(context: Context, message: Act) -> Code:
    if message.act == "refuse":
        return Code.ORGANISATION_MISMATCH
    return IN_CHECK.get(message.act, lambda: Code.OK)()


def apply(context: Context, message: Act) -> Outcome:
    key = message.key.encode()
    if message.act == "count":
        stored = context.state.get(VALUE + key)
        return Outcome(writes=((VALUE + key, str(int(stored or b"0") + 1).encode()),), events=(event(key=message.key),))
    if message.act == "bulk":
        return Outcome(writes=[(VALUE + b"%s-%d" % (key, number), b"1") for number in range(BULK)])
    if message.act == "set live":
        return Outcome(writes=((LIVE + key, b"1"),))
    if message.act == "remove":
        return Outcome(writes=((VALUE + key, None), (LIVE + key, None)))
    if message.act == "list":
        found = [key.decode() for key, _ in context.state.scan(b"trial.")]
        return Outcome(events=(event(found=found, height=context.height, index=context.index, time=context.time),))
    return (IN_APPLY | OF_THE_MACHINE).get(message.act, Outcome)()


MODULE = Module(
    name="trial",
    version=1,
    namespaces=(
        Namespace("trial.value", delta=True), Namespace("trial.live", live=True), Namespace("trial.lookup")
    ),
    handlers=(Handler("trial.act", 1, Act, check, apply, check_message),),
    package="tests.ledger.trial",
)  # fmt: skip
