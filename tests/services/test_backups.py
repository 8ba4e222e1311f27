"""Backups of a running node: asked for, by schedule, off the engine's thread; and the routes of ``/v1/operations``."""

import threading
import time

import pytest

from govchain.model import Code, GovChainError, UnavailableError
from govchain.node.building import build_services
from govchain.node.embedded import open_embedded
from govchain.node.settings import Settings
from govchain.ops.backup import restore_backup, verify_backup
from govchain.sdk.backups import BackupTransport, wait_for_backup
from govchain.services.backups import BackupOptions, Backups
from govchain.storage.backups import list_backups, write_backup
from tests.api.events_kit import officer, serving, until
from tests.node.fixtures import actor, chain, node, template  # noqa: F401 - fixtures
from tests.node.kit import SMALL, system_clock

ROUTE = "/v1/operations/backups"


def maker(node, root, steps=None):  # noqa: F811
    """Makes real backups; counts the threads that made them."""

    def make(scheduled, pulse):
        if steps is not None:
            steps.append(threading.current_thread().name)
        return write_backup(
            root,
            node.directory,
            node.store,
            created=system_clock().wall(),
            software="test",
            scheduled=scheduled,
            pulse=pulse,
        )

    return make


@pytest.fixture
def backups(node, tmp_path):  # noqa: F811
    started = []

    def begin(make=None, **options):
        part = Backups(
            make or maker(node, tmp_path / "backups"),
            tmp_path / "backups",
            node.machine.fingerprint.hex(),
            system_clock().wall,
            BackupOptions(**options),
        )
        part.start()
        started.append(part)
        return part

    yield begin
    for part in started:
        part.stop()


def done(part):
    until(lambda: not part.state().running)
    return part.state()


def test_one_is_made_when_it_is_asked_for(backups, tmp_path):
    part = backups()
    assert part.state().backups == ()
    assert part.request().running
    state = done(part)
    assert (state.run, state.error, state.due) == (1, "", 0)
    (one,) = state.backups
    assert (one.kind, one.height) == ("requested", 0)
    assert verify_backup(tmp_path / "backups" / one.name).digest == one.digest


@pytest.mark.requirement("BJ.compliance.backup.01a")
def test_two_periods_give_two_backups_with_digests_and_the_oldest_go(backups, node, actor, tmp_path):  # noqa: F811
    steps = []
    part = backups(maker(node, tmp_path / "backups", steps), every_ms=150, keep=2)
    until(lambda: len(steps) >= 4)
    node.submitter.submit([actor.put()], wait=True, timeout_s=20)
    made = len(steps)
    until(lambda: len(steps) >= made + 2)
    part.stop()
    found = [one.backup for one in list_backups(tmp_path / "backups")]
    assert len(found) == 2
    assert len({one.digest for one in found}) == 2
    assert all(one.manifest.kind == "scheduled" for one in found)
    assert found[-1].manifest.height == 1
    assert set(steps) == {"govchain-backups"}


def test_a_restart_neither_skips_nor_repeats_one(backups):
    first = backups(every_ms=3_600_000)
    until(lambda: len(first.state().backups) == 1)
    first.stop()
    made = first.state().backups[0].created
    again = backups(every_ms=3_600_000)
    state = again.state()
    assert (state.running, state.run, state.due) == (False, 0, made + 3_600_000)


def test_a_clock_that_is_set_back_puts_nothing_off(node, tmp_path):  # noqa: F811
    now = [10_000_000]
    root = tmp_path / "backups"
    options = BackupOptions(every_ms=60_000)
    part = Backups(maker(node, root), root, node.machine.fingerprint.hex(), lambda: now[0], options)
    part.start()
    until(lambda: part.state().due == 10_060_000)
    now[0] = 1_000_000
    # Anything that wakes the thread lets it look at the clock again.
    part.request()
    until(lambda: part.state().due == 1_060_000)
    part.stop()


def test_a_second_one_at_once_is_refused(backups):
    begun, go_on = threading.Event(), threading.Event()

    def make(scheduled, pulse):
        begun.set()
        go_on.wait(20)
        raise UnavailableError(Code.DISK_FULL, path="x")

    part = backups(make)
    part.request()
    begun.wait(20)
    with pytest.raises(GovChainError) as refused:
        part.request()
    assert refused.value.code is Code.BACKUP_RUNNING
    go_on.set()
    assert done(part).error == "DISK_FULL"
    begun.clear()
    assert part.request().run == 2
    assert done(part).error == "DISK_FULL"


def test_one_that_fails_is_told_and_tried_again(backups, node, tmp_path):  # noqa: F811
    good = maker(node, tmp_path / "backups")
    attempts = []

    def make(scheduled, pulse):
        attempts.append(time.monotonic())
        if len(attempts) == 1:
            raise ZeroDivisionError
        return good(scheduled, pulse)

    part = backups(make, every_ms=3_600_000, retry_ms=50)
    until(lambda: len(part.state().backups) == 1)
    assert len(attempts) == 2
    assert done(part).error == ""


def test_old_ones_that_cannot_be_removed_make_no_backup_a_failure(node, tmp_path):  # noqa: F811
    """Said, and left for the next time; else each attempt would leave one backup more, once a minute."""
    root, steps, problems = tmp_path / "backups", [], []
    good = maker(node, root, steps)

    def make(scheduled, pulse):
        old = {one.name for one in root.iterdir() if not one.name.startswith(".")}
        made = good(scheduled, pulse)
        for name in old:
            (root / f".dropped-{name}" / "in the way").mkdir(parents=True)  # where it is put first, to be removed
        return made

    write_backup(root, node.directory, node.store, created=1, software="test", scheduled=True)
    part = Backups(
        make, root, node.machine.fingerprint.hex(), system_clock().wall,
        BackupOptions(every_ms=3_600_000, keep=1, retry_ms=10),
        on_problem=lambda code, reason: problems.append(code),
    )  # fmt: skip
    part.start()
    until(lambda: problems)
    until(lambda: part.state().due > system_clock().wall() + 1_000_000)
    part.stop()
    assert (len(steps), len(problems), part.state().error, len(part.state().backups)) == (1, 1, "", 2)


def test_the_answer_lists_what_was_there_before_it_began(node, tmp_path):  # noqa: F811
    """However soon it is made: who asked tells the new one from those. And what ends is in the list at once."""
    root = tmp_path / "backups"
    good = maker(node, root)
    part = Backups(good, root, node.machine.fingerprint.hex(), system_clock().wall)
    part.start()
    for number in range(12):
        asked = part.request()
        assert (len(asked.backups), asked.running) == (number, True)
        made = wait_for_backup(asked, part.state, lambda: None)
        assert made.name not in {one.name for one in asked.backups}
    part.stop()


def test_stopping_ends_what_is_under_way_and_leaves_nothing(backups, node, tmp_path):  # noqa: F811
    good, begun = maker(node, tmp_path / "backups"), threading.Event()

    def make(scheduled, pulse):
        def slow():
            begun.set()
            time.sleep(0.01)
            pulse()

        return good(scheduled, slow)

    part = backups(make)
    part.request()
    begun.wait(20)
    part.stop()
    assert list_backups(tmp_path / "backups") == []
    assert [entry.name for entry in (tmp_path / "backups").iterdir()] == [".lock"]
    with pytest.raises(GovChainError) as refused:
        part.request()
    assert refused.value.code is Code.NODE_STOPPING


@pytest.mark.parametrize(
    ("settings", "reason"),
    [({"backup_every_min": 5}, "needs backup_dir"), ({"backup_dir": "{data}/inside"}, "inside the data directory")],
)
def test_settings_that_do_not_fit(node, settings, reason):  # noqa: F811
    values = {
        name: value.format(data=node.directory.path) if isinstance(value, str) else value
        for name, value in settings.items()
    }
    with pytest.raises(GovChainError, match=reason), build_services(node, Settings(values)):
        pass


# The routes


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):  # noqa: F811
    from tests.node.kit import copy_chain

    folder = tmp_path_factory.mktemp("served")
    path = copy_chain(template, folder / "data")
    with serving(path, backup_dir=str(folder / "backups")) as one:
        yield one, path, folder


@pytest.mark.route("POST /v1/operations/backups", "success")
@pytest.mark.route("GET /v1/operations/backups", "success")
def test_an_operator_has_one_made_over_http(running):
    one, path, folder = running
    token = one.login(officer(path, "operator"))
    with BackupTransport(one.url, token=token) as transport:
        asked = transport.start_backup()
        until(lambda: not transport.backups().running)
        state = transport.backups()
    assert (state.run, state.error) == (asked.run, "")
    made = folder / "backups" / state.backups[0].name
    restored = restore_backup(made, folder / "restored")
    assert (restored.height, restored.keys) == (state.backups[0].height, False)


@pytest.mark.route("POST /v1/operations/backups", "refusal")
@pytest.mark.route("GET /v1/operations/backups", "refusal")
def test_nobody_else_does(running, actor):  # noqa: F811
    one, path, _ = running
    with one.client() as client:
        for method in ("GET", "POST"):
            answer = client.request(method, ROUTE, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "SESSION_REQUIRED")
    for who in (actor, officer(path, "auditor")):
        with one.client(one.login(who)) as client:
            for method in ("GET", "POST"):
                answer = client.request(method, ROUTE, json={})
                assert (answer.status_code, answer.json()["code"]) == (403, "ROLE_MISSING")


@pytest.mark.route("POST /v1/operations/backups", "bad input")
@pytest.mark.route("GET /v1/operations/backups", "bad input")
def test_what_is_no_request(running):
    one, path, _ = running
    with one.client(one.login(officer(path, "operator"))) as client:
        assert client.get(ROUTE, params={"folder": "/etc"}).json()["code"] == "REQUEST_SHAPE"
        for body in (b"", b"[]", b"null", b'{"folder":"/etc"}', b"\xff"):
            answer = client.post(ROUTE, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400, answer.text
        answer = client.post(ROUTE, content=b"{}", headers={"content-type": "text/plain"})
        assert answer.json()["code"] == "CONTENT_TYPE"


def test_without_a_folder_the_node_makes_none(chain):  # noqa: F811
    with serving(chain) as one, one.client(one.login(officer(chain, "operator"))) as client:
        answer = client.get(ROUTE)
        assert (answer.status_code, answer.json()["code"]) == (404, "SERVICE_OFF")


def test_a_node_that_only_reads_makes_none(chain, tmp_path):  # noqa: F811
    from contextlib import ExitStack

    from govchain.node.backing_up import build_backups

    with open_embedded(chain, read_only=True, options=SMALL) as reader, ExitStack() as stack:
        assert build_backups(reader, Settings({"backup_dir": str(tmp_path / "b")}), stack) is None
