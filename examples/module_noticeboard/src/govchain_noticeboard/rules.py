"""Rules of the noticeboard family: check and apply.

``check_message`` looks at the message alone, ``check`` at the state, and both answer a result code; ``apply`` answers
writes and events, and is called only when both said OK. None of them does anything else.
"""

from __future__ import annotations

from govchain.model import Code, encode_struct
from govchain.model.wire import Event
from govchain.modules.port import Context, Handler, Module, Outcome
from govchain_noticeboard.keys import NOTICE, NoticeValue, notice_key
from govchain_noticeboard.messages import Pin, TakeDown, Unpin

__all__ = ["MODULE"]

#: The longest that a notice may hang, in ms: a year.
HANGING_MS_MAX = 366 * 24 * 3600 * 1000


def check_pin_message(message: Pin) -> Code:
    """The subject is one line of visible text; compared by code point, which no Unicode version changes."""
    one_line = all(character >= " " and character != "\x7f" for character in message.subject)
    visible = any(character > " " for character in message.subject)
    return Code.OK if one_line and visible else Code.PAYLOAD_SHAPE


def check_pin(context: Context, message: Pin) -> Code:
    """It lapses after this block, and within a year; ``context.time`` is the block's time, the only clock there is."""
    ahead = message.until - context.time
    return Code.OK if 0 < ahead <= HANGING_MS_MAX else Code.PAYLOAD_SHAPE


def apply_pin(context: Context, message: Pin) -> Outcome:
    """Hang the notice on the sender's own board."""
    organisation = context.sender.organisation
    value = NoticeValue(
        account=context.sender.address.hex(),
        sm3=message.sm3,
        time=context.time,
        subject=message.subject,
        until=message.until,
    )
    return Outcome(
        writes=((notice_key(organisation, message.slot), encode_struct(value)),),
        events=(_event("noticeboard.pinned", organisation, message.slot),),
    )


def check_unpin(_context: Context, _message: Unpin) -> Code:
    """Nothing beyond the role: the board is the sender's own."""
    return Code.OK


def apply_unpin(context: Context, message: Unpin) -> Outcome:
    """Clear the slot."""
    return _clear(context, context.sender.organisation, message.slot, "noticeboard.unpinned")


def check_take_down(context: Context, message: TakeDown) -> Code:
    """The organisation exists: facts of another family come through ``context.directory``."""
    known = context.directory.organisation_name(message.organisation) is not None
    return Code.OK if known else Code.ORGANISATION_UNKNOWN


def apply_take_down(context: Context, message: TakeDown) -> Outcome:
    """Clear the slot of that board."""
    return _clear(context, message.organisation, message.slot, "noticeboard.taken_down")


def _clear(context: Context, organisation: str, slot: int, kind: str) -> Outcome:
    key = notice_key(organisation, slot)
    if context.state.get(key) is None:
        return Outcome()
    return Outcome(writes=((key, None),), events=(_event(kind, organisation, slot),))


def _event(kind: str, organisation: str, slot: int) -> Event:
    return Event(data={"slot": slot}, organisation=organisation, reference="", type=kind)


#: The family. ``package`` is where its sources lie: genesis pins their digest.
MODULE = Module(
    name="noticeboard",
    version=1,
    namespaces=(NOTICE,),
    handlers=(
        Handler(
            type="noticeboard.pin",
            version=1,
            message=Pin,
            check_message=check_pin_message,
            check=check_pin,
            apply=apply_pin,
            roles=frozenset({"department"}),
        ),
        Handler(
            type="noticeboard.unpin",
            version=1,
            message=Unpin,
            check=check_unpin,
            apply=apply_unpin,
            roles=frozenset({"department"}),
        ),
        Handler(
            type="noticeboard.take_down",
            version=1,
            message=TakeDown,
            check=check_take_down,
            apply=apply_take_down,
            roles=frozenset({"supervisor"}),
        ),
    ),
    package="govchain_noticeboard",
)
