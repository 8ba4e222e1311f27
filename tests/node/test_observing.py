"""What a node's log says of lasting states: an index that lags, a webhook that nobody takes, a disk that is full."""

import json
import logging
import resource
import subprocess
import threading

import pytest

from govchain.index.database import IndexDatabase, database_url
from govchain.model import Code, UnavailableError
from govchain.node.metrics import MetricSources
from govchain.node.observing import Observation
from govchain.services.indexing import IndexFollower
from govchain.services.intake import Intake
from govchain.services.subscriptions import Subscriptions
from tests.api.events_kit import until
from tests.node.test_full_disk import MIB
from tests.node.up_kit import WAIT_S, command, environment, running
from tests.services.webhook_kit import receiving


def test_a_lagging_index_is_told_once_and_its_end_too(node, actor, caplog):
    follower = IndexFollower(node.application, IndexDatabase(database_url("", node.directory.path)))
    sources = MetricSources(node, intake=None, sessions=(), events=(), index=follower)
    observation = Observation(node, sources, index_lag_blocks=10)
    answers = [node.submitter.submit([actor.put()], wait=True, timeout_s=WAIT_S)[0] for _ in range(12)]
    assert [answer.code for answer in answers] == [Code.OK] * 12
    with caplog.at_level(logging.INFO):
        observation.look()
        observation.look()
        follower.start()
        try:
            assert follower.wait_for(node.application.chain.height, WAIT_S)
            until(lambda: follower.status().lag == 0)
            observation.look()
            observation.look()
        finally:
            follower.stop()
    told = [(record.getMessage(), record.levelname) for record in caplog.records if record.name == "govchain.node"]
    assert told == [("index lags behind the ledger", "WARNING"), ("index has caught up", "INFO")]
    first = next(record for record in caplog.records if record.name == "govchain.node")
    assert first.lag == node.application.chain.height


@pytest.mark.requirement("BJ.function.management.08")
def test_samples_are_taken_of_the_machine(node):
    observation = Observation(node, MetricSources(node, intake=None, sessions=(), events=()))
    observation.start()
    try:
        until(lambda: observation.sample is not None)
    finally:
        observation.stop()
    sample = observation.sample
    assert 0 < sample.memory_available <= sample.memory_total
    assert 0 < sample.disk_free <= sample.disk_total
    assert sample.cpus >= 1
    assert sample.process_memory > MIB


def test_a_machine_that_cannot_be_looked_at_has_no_figures(node, caplog):
    """The data directory's file system does not answer: old figures would hide that; nor what webhooks' file says."""
    place = node.directory.path
    away = place.with_name("away")
    broken = False

    def deliveries():
        if broken:
            raise UnavailableError(Code.DISK_FULL)
        return {"webhooks": 3}

    intake = Intake(node.submitter)
    observation = Observation(node, MetricSources(node, intake, (), Subscriptions(node.transport.feed)), deliveries)
    told = lambda: observation.metrics.text().decode()  # noqa: E731
    with caplog.at_level(logging.INFO):
        observation.look()
        assert observation.health() == {}
        assert "govchain_host_disk_free_bytes " in told()
        assert "govchain_webhooks 3.0" in told()
        place.rename(away)
        broken = True
        try:
            observation.look()
            observation.look()
            assert observation.sample is None
            assert observation.health() == {"unseen": ["machine", "webhooks"]}
            assert "govchain_host_disk_free_bytes " not in told()
            assert "govchain_webhooks 3.0" not in told()
        finally:
            away.rename(place)
        broken = False
        observation.look()
    intake.close()
    assert observation.health() == {}
    assert "govchain_host_disk_free_bytes " in told()
    lines = [(record.getMessage(), record.levelname) for record in caplog.records if record.name == "govchain.node"]
    assert lines == [
        ("machine cannot be looked at", "ERROR"),
        ("webhooks cannot be looked at", "ERROR"),
        ("machine can be looked at again", "INFO"),
        ("webhooks can be looked at again", "INFO"),
    ]


def test_a_dead_letter_is_in_the_log_and_in_the_metrics(chain, actor):
    options = ("--webhook-attempts", "1", "--webhook-http", "true", "--webhook-networks", "127.0.0.0/8")
    with receiving() as receiver, running(chain, *options) as node:
        receiver.status = 500
        with node.client(node.login(actor)) as client:
            made = client.post("/v1/webhooks", json={"url": receiver.url})
            assert made.status_code == 201, made.text
            put = {"content-type": "application/vnd.govchain.envelope"}
            assert client.post("/v1/transactions?wait=committed", headers=put, content=actor.put()).status_code == 200
            line = node.event("webhook dead letter")
            until(lambda: 'govchain_webhook_deliveries{state="dead"} 1.0' in client.get("/metrics").text)
        assert line["level"] == "warning"
        assert line["webhook"] in made.text
        assert (line["attempts"], line["outcome"]) == (1, "status")
        assert receiver.url not in node.log_file.read_text()


def test_a_full_disk_is_in_the_log_and_the_node_says_that_it_is_not_ready(chain, actor):
    """The limit of file sizes is lowered under the running node: what it writes no longer fits."""
    process = subprocess.Popen(
        command(chain, "--log-format", "json", "--index", "false", "--webhooks", "false"),
        env=environment(chain.with_name("home")),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines, heard = [], threading.Condition()

    def listen():
        for row in process.stderr:
            with heard:
                lines.append(json.loads(row))
                heard.notify_all()

    def wait_for(event):
        with heard:
            found = lambda: next((line for line in lines if line["event"].startswith(event)), None)  # noqa: E731
            assert heard.wait_for(found, WAIT_S), f"no {event} among {len(lines)} lines"
            return found()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        import httpx

        url = wait_for("listening")["url"]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        put = {"content-type": "application/vnd.govchain.envelope"}
        with httpx.Client(base_url=url, timeout=WAIT_S, trust_env=False) as client:
            for _ in range(3_000):
                answer = client.post("/v1/transactions", headers=put, content=actor.put())
                if answer.status_code != 202:
                    break
            assert answer.json()["code"] in ("DISK_FULL", "STORE_CORRUPT"), answer.text
            line = wait_for("ordering stopped")
            ready = client.get("/v1/health/ready")
            assert (ready.status_code, ready.json()["code"]) == (503, line["code"])
            told = client.get("/metrics").text
            assert "govchain_ordering 0.0" in told
            assert 'govchain_node_state{state="halted"} 1.0' in told
            assert f'govchain_node_problem{{code="{line["code"]}"}} 1.0' in told
            for path, names in (("chain", ("node_state", "node_problem")), ("network", ("state", "problem"))):
                facts = client.get(f"/v1/{path}").json()
                assert [facts[name] for name in names] == ["halted", line["code"]], path
        assert line["level"] == "error"
        assert line["code"] == "DISK_FULL"
        process.terminate()
        process.wait(WAIT_S)
    finally:
        process.kill()
        process.wait()
        thread.join(5)
        process.stderr.close()
