"""Waiting for a backup at a node: it is told from those that were there, and from those that others asked for."""

import pytest

from govchain.model import Code, UnavailableError
from govchain.sdk.backups import BackupFacts, BackupState, wait_for_backup


def backup(name, kind="requested"):
    return BackupFacts(name=name, height=1, identity="", created=0, kind=kind, software="", size=0, digest="")


def state(run, *backups, running=False, error=""):
    """The node's state; the newest backup comes first."""
    return BackupState(run=run, running=running, error=error, due=0, backups=backups)


OLD = backup("old")
ASKED = state(3, OLD, running=True)


def wait(*states):
    """What comes of it when the node answers with these states, one after the other; and how often it was waited."""
    left, pauses = iter(states), []
    return wait_for_backup(ASKED, lambda: next(left), lambda: pauses.append(1)).name, len(pauses)


def test_it_is_there_at_once_or_later():
    made = state(3, backup("new"), OLD)
    assert wait(made) == ("new", 0)
    assert wait(ASKED, ASKED, made) == ("new", 2)


def test_others_may_have_come_meanwhile():
    assert wait(state(4, backup("new"), OLD, running=True)) == ("new", 0)
    assert wait(state(4, backup("theirs"), backup("new"), OLD)) == ("new", 0)
    assert wait(state(4, backup("by the clock", "scheduled"), backup("new"), OLD)) == ("new", 0)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (state(3, OLD, error="DISK_FULL"), Code.DISK_FULL),
        (state(3, OLD, error="NEW_IN_A_LATER_RELEASE"), Code.INTERNAL),
        (state(4, OLD, running=True, error="DISK_FULL"), Code.INTERNAL),
        (state(4, backup("by the clock", "scheduled"), OLD), Code.INTERNAL),
        (state(3), Code.INTERNAL),
    ],
)
def test_one_that_was_given_up_is_never_taken_for_an_older_one(answer, code):
    with pytest.raises(UnavailableError) as refused:
        wait(answer)
    assert refused.value.code is code
