"""Metrics: what is documented is what is told; figures follow what happens; clients cannot make series."""

import re
import time

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from govchain.node.logs import LogOptions, start_logs
from govchain.node.metric_names import METRICS, REQUEST_BUCKETS_S, STATES
from govchain.services.observing import Answered
from tests.api.events_kit import officer, serving, until
from tests.node.kit import copy_chain
from tests.node.udp_kit import TimeServers
from tools.tidy.tree import ROOT

DOCUMENT = ROOT / "docs" / "spec" / "metrics.md"
ALERTS = ROOT / "deploy" / "alerts.yml"
#: What the rules' expressions may use of Prometheus: functions, words, and labels that it adds itself.
FUNCTIONS = {"rate", "increase", "changes", "sum", "histogram_quantile", "predict_linear"}
WORDS = {"by", "and", "or"}
ADDED_LABELS = {"instance", "job", "le"}


@pytest.fixture(scope="module")
def running(template, tmp_path_factory):
    """A node with every part that has metrics."""
    base = tmp_path_factory.mktemp("metrics")
    path = copy_chain(template, base / "data")
    with (
        TimeServers("honest") as servers,
        start_logs(LogOptions(file=base / "node.log")) as logs,
        serving(
            path,
            logs=logs,
            ntp_servers=servers.names,
            body_bytes_max=65_536,
            archive_to=str(base / "archive"),
        ) as node,
    ):
        until(lambda: value(node, "govchain_clock_drifting") is not None)
        until(lambda: value(node, "govchain_host_cpus") is not None)
        yield node


def scrape(node):
    with node.client() as client:
        answer = client.get("/metrics")
    assert answer.status_code == 200
    return {family.name: family for family in text_string_to_metric_families(answer.text)}


def value(node, name, **labels):
    """A sample's value by its name and labels, or None."""
    for family in scrape(node).values():
        for sample in family.samples:
            if sample.name == name and sample.labels == {key: str(text) for key, text in labels.items()}:
                return sample.value
    return None


def documented():
    row = r"^\| `(govchain_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \| ([^|]+) \|$"
    rows = re.findall(row, DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return {name: (kind, tuple(re.findall(r"\w+", labels)), unit.strip()) for name, kind, labels, unit, _ in rows}


def test_the_document_the_table_and_the_exposition_have_the_same_names(running):
    table = {row.name: (row.kind, row.labels) for row in METRICS}
    written = documented()
    assert {name: (kind, labels) for name, (kind, labels, _) in written.items()} == table
    running.put(officer(running.node.directory.path, "department"), "case-metrics")
    told = {
        family.name + ("_total" if family.type == "counter" else ""): family.type for family in scrape(running).values()
    }
    # families without a sample (no refusal so far, say) are told all the same
    assert told == {name: kind for name, (kind, _) in table.items()}


def test_units_are_in_the_names():
    for name, (kind, _, unit) in documented().items():
        bare = name.removesuffix("_total")
        assert (kind == "counter") == name.endswith("_total"), name
        assert (unit == "s") == bare.endswith("_seconds"), name
        assert (unit == "bytes") == bare.endswith("_bytes"), name
        assert (unit == "0 to 1") == bare.endswith("_ratio"), name


def test_the_ledgers_figures_follow_the_ledger(running, actor):
    before = value(running, "govchain_transactions_total", code="OK") or 0
    syncs = value(running, "govchain_store_syncs_total")
    blocks = value(running, "govchain_block_seconds_count")
    running.put(actor, "case-1", "case-2", "case-3")
    until(lambda: value(running, "govchain_index_lag_blocks") == 0)
    status = running.node.transport.status()
    assert value(running, "govchain_height") == status.height
    assert value(running, "govchain_certified_height") >= status.height - 1
    assert value(running, "govchain_index_height") == status.height
    assert value(running, "govchain_block_time_seconds") == status.time / 1000
    assert value(running, "govchain_transactions_total", code="OK") == before + 3
    assert value(running, "govchain_store_syncs_total") > syncs
    assert value(running, "govchain_block_seconds_count") > blocks
    assert value(running, "govchain_commit_seconds_sum") <= value(running, "govchain_block_seconds_sum")
    assert value(running, "govchain_ordering") == 1
    assert value(running, "govchain_node_state", state="ordering") == 1
    assert value(running, "govchain_node_state", state="halted") == 0
    assert (status.node_state, status.node_problem) == ("ordering", "")
    assert value(running, "govchain_index_state", state="following") == 1
    assert value(running, "govchain_pool_transactions") == 0
    assert value(running, "govchain_software_keys") >= 1
    hits, misses = (value(running, f"govchain_verifier_{name}_total") for name in ("hits", "misses"))
    assert hits + misses >= 3
    # verified when they came, known when their block did
    assert value(running, "govchain_verified_transactions_total") >= 3
    assert 0 < value(running, "govchain_verify_seconds_total") < 60
    assert value(running, "govchain_verified_before_total") >= 3


def test_requests_and_refusals_are_counted(running, actor):
    envelope = actor.put()
    route = {"method": "POST", "route": "/v1/transactions"}
    before = value(running, "govchain_http_requests_total", **route, status=202) or 0
    with running.client() as client:
        put = {"content-type": "application/vnd.govchain.envelope"}
        assert client.post("/v1/transactions", headers=put, content=envelope).status_code == 202
        assert client.post("/v1/transactions", headers=put, content=envelope[:-1]).status_code == 400
        assert client.post("/v1/transactions", headers=put, content=bytes(70_000)).status_code == 413
        assert client.request("PROPFIND", "/v1/chain").status_code == 405
    until(lambda: value(running, "govchain_http_requests_total", **route, status=202) == before + 1)
    # what is refused before it is looked at has no route
    assert value(running, "govchain_http_requests_total", method="POST", route="unknown", status=413) == 1
    assert value(running, "govchain_http_problems_total", code="REQUEST_TOO_LARGE") == 1
    assert value(running, "govchain_http_problems_total", code="ENVELOPE_MALFORMED") >= 1
    assert value(running, "govchain_transactions_refused_total", code="ENVELOPE_MALFORMED") >= 1
    assert value(running, "govchain_http_requests_total", method="OTHER", route="/v1/chain", status=405) == 1
    assert value(running, "govchain_http_request_seconds_bucket", **route, le="+Inf") >= 2
    # the scrape itself is the one that is under way
    assert value(running, "govchain_http_requests_in_flight") == 1
    assert value(running, "govchain_http_connections") >= 1


def test_sessions_and_streams_are_counted(running, actor):
    before = value(running, "govchain_sessions")
    token = running.login(actor)
    assert value(running, "govchain_sessions") == before + 1
    with running.client(token) as client, client.stream("GET", "/v1/events/stream") as answer:
        assert answer.status_code == 200
        until(lambda: value(running, "govchain_subscribers") == 1)
        assert value(running, "govchain_http_requests_in_flight") == 2
    until(lambda: value(running, "govchain_subscribers") == 0)
    stream = {"method": "GET", "route": "/v1/events/stream"}
    until(lambda: value(running, "govchain_http_requests_total", **stream, status=200) == 1)
    assert value(running, "govchain_http_request_seconds_count", **stream) is None
    assert value(running, "govchain_subscribers_dropped_total") == 0


@pytest.mark.requirement("BJ.function.management.08")
def test_the_machine_and_the_process_are_told(running):
    assert 0 < value(running, "govchain_host_memory_available_bytes") <= value(running, "govchain_host_memory_bytes")
    assert 0 < value(running, "govchain_host_disk_free_bytes") <= value(running, "govchain_host_disk_bytes")
    assert 0 <= value(running, "govchain_host_cpu_busy_ratio") <= 1
    assert value(running, "govchain_host_network_received_bytes_total") >= 0
    assert value(running, "govchain_process_memory_bytes") > 10 * 2**20
    assert 0 < value(running, "govchain_process_descriptors") < value(running, "govchain_process_descriptors_max")
    assert value(running, "govchain_process_threads") > 3
    assert abs(value(running, "govchain_process_start_time_seconds") - time.time()) < 24 * 3600


def test_whatever_clients_send_no_series_appear(running, actor):
    """Paths, queries, methods, header values and identities of every kind: the series stay those of our tables."""
    with running.client(running.login(actor)) as client:

        def storm(seed):
            for number in range(30):
                text = f"{seed}-{number}"
                for method in ("GET", "POST", "PROPFIND", "REPORT"):
                    client.request(method, f"/v1/{text}", params={text: text})
                    client.request(method, f"/v1/accounts/{text}", headers={"accept-language": text})
                    client.request(method, f"/{text}/../{text}")

        storm("a")
        before = series(running)
        storm("b")
        assert series(running) == before
    routes = {labels["route"] for _, labels in samples(running) if "route" in labels}
    assert not any("b-" in route for route in routes)


def samples(node):
    return [(sample.name, sample.labels) for family in scrape(node).values() for sample in family.samples]


def series(node):
    return {(name, tuple(sorted(labels.items()))) for name, labels in samples(node)}


def test_a_scrape_is_quick_even_with_every_route_asked(running, actor):
    """A scrape while the engine commits and with as many series as the routes allow: the median is below 20 ms."""
    observe = running.services.observe
    for route in range(80):
        for status in (200, 400, 404):
            observe.began()
            observe.answered(Answered("GET", f"/v1/route-{route}", status, "OK", 0.01, "x"))
    seconds = []
    for number in range(15):
        running.put(actor, f"case-{number}")
        began = time.perf_counter()
        text = running.services.metrics()
        seconds.append(time.perf_counter() - began)
    assert text.count(b"\n") > 80 * (len(REQUEST_BUCKETS_S) + 3)
    assert sorted(seconds)[len(seconds) // 2] < 0.020, seconds


def test_a_scrape_waits_for_no_commit(running):
    """The ledger's lock is held, as during a slow write: the scrape answers all the same."""
    with running.node.application.lock:
        assert scrape(running)["govchain_height"].samples


def test_a_node_tells_nothing_where_its_operator_says_so(template, tmp_path):
    with serving(copy_chain(template, tmp_path / "data"), metrics=False) as node, node.client() as client:
        assert client.get("/metrics").json()["code"] == "SERVICE_OFF"


def alerts():
    """Every rule of the file, with no field that Prometheus does not know."""
    found = yaml.safe_load(ALERTS.read_text("utf-8"))
    assert set(found) == {"groups"}
    for group in found["groups"]:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert {"alert", "expr", "labels", "annotations"} <= set(rule) <= {
                "alert", "expr", "for", "labels", "annotations"
            }  # fmt: skip
            yield rule


def names_of(expression):
    """Metrics of an expression, each with the labels that are asked of it and their values."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\([^()]*\)(?= \()", "", expression)
    words = set(re.findall(r"[a-z_]+[a-z0-9_]*", bare)) - FUNCTIONS - WORDS
    for name in words:
        chosen = re.search(rf"\b{name}\{{([^}}]*)\}}", expression)
        yield name, dict(re.findall(r'(\w+)=~?"([^"]*)"', chosen[1])) if chosen else {}


def test_the_alarm_rules_ask_for_metrics_that_the_node_tells(running):
    running.put(officer(running.node.directory.path, "department"), "case-alarms")
    families = {}
    for family in scrape(running).values():
        suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        families.update({family.name + suffix: family.name for suffix in suffixes})
    labels = {row.name.removesuffix("_total"): set(row.labels) for row in METRICS}
    rules = list(alerts())
    assert len({rule["alert"] for rule in rules}) == len(rules) >= 20
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning"), rule
        assert {"summary", "description"} == set(rule["annotations"]), rule
        assert re.search("[\u4e00-\u9fff]", rule["annotations"]["summary"]), rule
        assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m")), rule
        expression = rule["expr"]
        assert all(expression.count(one) == expression.count(other) for one, other in ("()", "[]", "{}")), rule
        asked = dict(names_of(expression))
        assert asked, rule
        for name, chosen in asked.items():
            if name == "up":  # Prometheus's own
                assert set(chosen) == {"job"}
                continue
            assert name in families, f"{rule['alert']}: {name} is not told"
            assert set(chosen) <= labels[families[name]], rule
            for state in {chosen["state"]} if "state" in chosen else ():
                assert state in STATES[name], rule
        grouped = {label.strip() for inner in re.findall(r"by \(([^)]*)\)", expression) for label in inner.split(",")}
        assert grouped <= ADDED_LABELS, rule


def test_what_the_metrics_page_says_to_watch_has_an_alarm():
    page = DOCUMENT.read_text("utf-8").split("## What to watch", 1)[1]
    cells = [line.split(" | ")[0] for line in page.splitlines() if line.startswith("| `")]
    watched = {name for cell in cells for name in re.findall(r"govchain_\w+", cell)}
    asked = {name for rule in alerts() for name, _ in names_of(rule["expr"])}
    # which keys are prescribed, and how high the engine should be, only the operator knows
    assert watched - asked == {"govchain_software_keys", "govchain_engine_height"}
