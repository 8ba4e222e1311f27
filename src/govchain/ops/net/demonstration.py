"""``govchain demo net``: four organisations, one ledger, command by command.

Purpose: make and start a network, anchor real files at one node, prove them at another, verify the package twice (once
by the program that shares no code with this package), kill a node, go on, start it again, and show that every node has
the same block at every height.
Rules: every step is a command that a user would type, run as its own process (but for ``kill -9``, which is the signal
itself); a step that does not end as it should ends the demonstration; whatever happens, no node is left running.
Not here: the commands themselves.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from govchain.ops.demo import anchored, default_folder, find_verifier
from govchain.ops.net.creating import VALIDATORS
from govchain.ops.net.layout import NetworkFolder, load_network
from govchain.ops.net.processes import kill_node, stop_nodes
from govchain.ops.steps import DemoStep, Steps, evidence_id, head, tail

__all__ = ["run"]

#: The network's folder within the demonstration's.
_NET = "net"


def run(
    *,
    engine: Literal["cometbft", "etcd"] = "cometbft",
    validators: int = 0,
    folder: Path | None = None,
    verifier: Path | None = None,
    language: str = "en",
    keep: Path | None = None,
    tell: Callable[[DemoStep], None] = lambda step: None,
) -> dict[str, object]:
    """Run the demonstration.

    Args:
        engine: what orders.
        validators: nodes of the network; 0: as many as the engine wants.
        folder: whose files to anchor; by default the Python installation's library.
        verifier: path of the stand-alone verifier; by default that of the source checkout.
        language: of the commands' output.
        keep: an empty or absent folder to work in and leave behind; by default a temporary one that is left too.
        tell: hears of each step as it ends.

    Raises:
        GovChainError: a step did not end as it should.
    """
    source = (folder or default_folder()).resolve()
    home = keep.resolve() if keep is not None else Path(tempfile.mkdtemp(prefix="govchain-demo-net-"))
    home.mkdir(parents=True, exist_ok=True)
    verifier = verifier.resolve() if verifier is not None else find_verifier()
    count = validators or VALIDATORS[engine]
    network = NetworkFolder(home / _NET)
    steps = Steps(home, language, tell, network.node("node-0").home)
    start = time.perf_counter()
    try:
        steps.run("net_create", ["net", "create", _NET, "--validators", str(count), "--engine", engine], 0)
        steps.run("net_start", ["net", "start", _NET], 0)
        _run_job(steps, network, source, verifier, last=f"node-{count - 1}")
        can_lose_one = count >= VALIDATORS[engine]
        if can_lose_one:
            _lose_and_regain(steps, network, f"node-{count - 2}")
        steps.run("net_compare", ["net", "compare", _NET], 0)
        if can_lose_one:
            steps.run("net_add", ["net", "add-node", _NET], 0)
            steps.run("net_remove", ["net", "remove-node", _NET, "node-1"], 0)
            steps.run("net_compare_after", ["net", "compare", _NET], 0)
        steps.run("net_status", ["net", "status", _NET], 0)
        steps.run("net_stop", ["net", "stop", _NET], 0)
    finally:
        if network.file.exists():
            stop_nodes(network, load_network(network.path).nodes)
    return {
        "engine": engine,
        "validators": count,
        "folder": str(source),
        "seconds": round(time.perf_counter() - start, 2),
        "home": str(home),
        "stand_alone_verifier": verifier is not None,
        "steps": steps.as_json(),
    }


def _run_job(steps: Steps, network: NetworkFolder, source: Path, verifier: Path | None, last: str) -> None:
    """Anchor at the first node, prove at the ``last``, verify with and without this package."""
    first_url, last_url = _url(network, "node-0"), _url(network, last)

    def line(printed: str) -> str:
        return anchored(printed, steps.language)

    put = ["--node", first_url, "--json", "evidence", "put", "--key", _key(network)]
    steps.run("net_anchor", [*put, str(source), "--skip-bad"], 0, shorten=line)
    original = steps.home / "original.txt"
    original.write_text("GovChain 政链 demonstration\n", encoding="utf-8")
    answer = json.loads(steps.run("net_anchor_one", [*put, str(original)], 0, shorten=line))
    evidence = evidence_id(answer)
    steps.run("net_show", ["--node", last_url, "evidence", "show", evidence], 0, shorten=head(8))
    steps.run("net_export", ["--node", last_url, "evidence", "export", evidence, "-o", "proof.gcp"], 0)
    steps.run("net_verify", ["verify", "proof.gcp", "--original", str(original)], 0, shorten=tail(12))
    if verifier is not None:
        arguments = ["proof.gcp", "--original", str(original), "--trust", f"{_NET}/genesis.json"]
        steps.run("net_verify_alone", arguments, 0, program=[sys.executable, str(verifier)], shorten=tail(2))


def _lose_and_regain(steps: Steps, network: NetworkFolder, name: str) -> None:
    """Kill a node as a power cut would, anchor more, start it again."""
    start = time.perf_counter()
    process = kill_node(network, load_network(network.path).named(name))
    steps.add(DemoStep("net_kill", f"kill -9 {process.pid}", 0, round(time.perf_counter() - start, 2), ""))
    put = ["--node", _url(network, "node-0"), "--json", "evidence", "put", "--key", _key(network)]
    for number in range(3):
        path = steps.home / f"while-away-{number}.txt"
        path.write_text(f"anchored while {name} was away: {number}\n", encoding="utf-8")
        title = "net_go_on" if not number else "net_go_on_more"
        steps.run(title, [*put, str(path)], 0, shorten=lambda printed: anchored(printed, steps.language))
    steps.run("net_status_without", ["net", "status", _NET], 0)
    steps.run("net_restart", ["net", "start", _NET, name], 0)


def _url(network: NetworkFolder, name: str) -> str:
    return load_network(network.path).named(name).url


def _key(network: NetworkFolder) -> str:
    return str(network.node("node-0").data / "keys" / "department.pem")
