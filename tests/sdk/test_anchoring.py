"""Batches: what they say of how their members were captured."""

import json

import pytest

from govchain.sdk import capture_contents
from tests.sdk.support import GM, NOW, client_of


def made(method):
    return capture_contents([(method, method.encode())], suite=GM, now=NOW, method=method).files[0]


@pytest.mark.parametrize(
    ("methods", "said"),
    [
        *((("api", "api"), "api"), (("screenshot",), "screenshot"), (("stream", "stream"), "stream")),
        *((("file", "file"), "folder"), (("folder", "folder"), "folder"), (("file", "folder"), "folder")),
        *((("api", "file"), "other"), (("api", "stream"), "other"), (("folder", "screenshot"), "other")),
        (("other", "other"), "other"),
    ],
)
def test_a_batch_was_captured_as_its_members_were_where_they_agree(tmp_path, methods, said):
    with client_of(tmp_path) as client:
        prepared = client.prepare_batch([made(method) for method in methods])
        assert json.loads(prepared.body)["payload"]["capture"] == {"method": said, "time": NOW}
