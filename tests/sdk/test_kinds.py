"""Kinds of claim: the built-in ones, those that packages offer, and what is none."""

from importlib.metadata import EntryPoint

import pytest

from govchain.model import Code, UsageError
from govchain.sdk.kinds import ENTRY_POINT_GROUP, find_kinds, installed_kinds


class Lease:
    """A kind of claim of another package."""

    name = "lease"
    states_status = has_leaves = False

    def nothing(self, *_given):
        """No fact at all."""

    members = verify_type = read = status_keys = conclude = nothing


LEASE = Lease()
#: As the evidence family's, under one of its names.
SECOND_EVIDENCE = Lease()
SECOND_EVIDENCE.name = "evidence"
NO_NAME = Lease()
NO_NAME.name = 7


def offered(*names):
    return [EntryPoint(name.lower(), f"{__name__}:{name}", ENTRY_POINT_GROUP) for name in names]


def test_the_built_in_ones_come_with_what_is_offered_by_name():
    assert list(find_kinds([])) == ["evidence", "transaction"]
    found = find_kinds(offered("LEASE"))
    assert list(found) == ["evidence", "lease", "transaction"]
    assert found["lease"] is LEASE
    assert set(installed_kinds()) >= {"evidence", "transaction"}


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        (("Lease", "LEASE"), "two installed kinds of claim are named lease"),
        (("SECOND_EVIDENCE",), "two installed kinds of claim are named evidence"),
        (("NO_NAME",), "entry point no_name is no kind of claim"),
        (("offered",), "entry point offered is no kind of claim"),
    ],
)
def test_what_is_none_or_comes_twice_is_refused(names, reason):
    with pytest.raises(UsageError) as refused:
        find_kinds(offered(*names))
    assert (refused.value.code, refused.value.params["reason"]) == (Code.USAGE, reason)
