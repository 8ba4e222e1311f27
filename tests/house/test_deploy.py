"""The files of deploy/: command lines are the program's own, settings are in the table, units hold."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from govchain.cli.session import Session, split_globals, start_session
from govchain.cli.start import build_root
from govchain.node.settings import ENVIRONMENT_PREFIX, OTHER_VARIABLES, SETTINGS, load_settings
from tools.tidy.tree import ROOT

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service")) + sorted(DEPLOY.glob("*.timer"))
#: What keeps a node that was taken over from the rest of the machine.
HARDENING = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "CapabilityBoundingSet": "",
    "UMask": "0077",
}


def values(path, section, name):
    """All values of one option, in their order."""
    lines = path.read_text("utf-8").split(f"[{section}]\n", 1)[1].split("\n[", 1)[0].splitlines()
    return [line.partition("=")[2] for line in lines if line.partition("=")[0] == name]


def check_command(words, environment):
    """The command and every option of it exist."""
    _, rest = split_globals(words, environment)
    start_session(Session())
    command = build_root()
    names = []
    while rest and hasattr(command, "get_command"):
        names.append(rest.pop(0))
        command = command.get_command(None, names[-1])
        assert command is not None, names
    known = {option for parameter in command.params for option in parameter.opts}
    options = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert options <= known, (names, options - known)
    return names


def environment_of(path):
    return dict(value.split("=", 1) for value in values(path, "Service", "Environment"))


def commands():
    for path in UNITS:
        if path.suffix == ".service":
            for line in values(path, "Service", "ExecStart"):
                yield path, shlex.split(line)[1:]


@pytest.mark.parametrize(("path", "words"), list(commands()), ids=lambda value: getattr(value, "name", None))
def test_units_call_what_there_is(path, words):
    assert check_command(words, environment_of(path))[0] in ("up", "login", "backup")
    for name in environment_of(path):
        known = {row.environment for row in SETTINGS} | set(OTHER_VARIABLES)
        assert not name.startswith(ENVIRONMENT_PREFIX) or name in known


@pytest.mark.parametrize("path", [path for path in UNITS if path.suffix == ".service"], ids=lambda path: path.name)
def test_units_give_away_nothing(path):
    for name, value in HARDENING.items():
        assert values(path, "Service", name) == [value], name
    assert values(path, "Service", "User") == ["govchain"]
    # A passphrase stands in no unit, which everybody may read.
    assert "PASSPHRASE" not in "".join(environment_of(path))


def test_the_node_ends_by_draining_and_has_limits():
    path = DEPLOY / "govchain.service"
    drain_s = next(row.default for row in SETTINGS if row.name == "drain_ms_max") / 1000
    connections = next(row.default for row in SETTINGS if row.name == "connections_max")
    assert values(path, "Service", "KillSignal") == ["SIGTERM"]
    assert int(values(path, "Service", "TimeoutStopSec")[0]) > drain_s
    assert int(values(path, "Service", "LimitNOFILE")[0]) > connections
    assert values(path, "Service", "MemoryMax")
    assert values(path, "Service", "RestartPreventExitStatus") == ["2"]


def test_the_timer_starts_the_backup():
    assert values(DEPLOY / "govchain-backup.timer", "Timer", "OnCalendar")
    assert (DEPLOY / "govchain-backup.service").exists()


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_systemd_itself_finds_nothing(path, tmp_path):
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze here")
    if path.suffix == ".service":
        assert systemd_says(analyze, tmp_path, path, "/no/such/program") != [], "it would not notice a mistake"
    assert systemd_says(analyze, tmp_path, path, "/bin/true") == []


def systemd_says(analyze, tmp_path, path, program):
    """What systemd complains of, with ``program`` in the place of ours."""
    for one in UNITS:
        # The program is not installed in /opt here; all else is checked as it is.
        (tmp_path / one.name).write_text(one.read_text("utf-8").replace("/opt/govchain/bin/govchain", program))
    done = subprocess.run(
        [analyze, "verify", "--man=no", str(tmp_path / path.name)],
        capture_output=True, text=True, check=False, env={"SYSTEMD_LOG_LEVEL": "warning", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return [line for line in (done.stdout + done.stderr).splitlines() if "govchain" in line]


def test_the_settings_are_in_the_table():
    settings = load_settings(DEPLOY / "node.toml", {}, {}, required=True)
    given = tomllib.loads((DEPLOY / "node.toml").read_text("utf-8"))
    assert given
    read = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    assert {name: settings.values()[name] for name in given} == read


def test_the_container_calls_what_there_is_and_runs_as_nobody_s_root():
    text = re.sub(r"\\\n\s*", "", (DEPLOY / "Containerfile").read_text("utf-8"))
    rows = [line.split(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    known = set("FROM RUN WORKDIR COPY USER ENV VOLUME EXPOSE STOPSIGNAL HEALTHCHECK ENTRYPOINT CMD".split())  # noqa: SIM905
    assert {name for name, _ in rows} <= known
    last = dict(rows)
    environment = dict(word.split("=", 1) for word in shlex.split(last["ENV"]))
    assert check_command(tomllib.loads(f"x = {last['CMD']}")["x"], {}) == ["up"]
    assert tomllib.loads(f"x = {last['ENTRYPOINT']}")["x"] == ["govchain"]
    assert last["USER"] == "govchain"
    assert last["STOPSIGNAL"] == "SIGTERM"
    own = {name: value for name, value in environment.items() if name not in OTHER_VARIABLES and name != "PATH"}
    assert load_settings(None, own, {}).text("listen").endswith(f":{last['EXPOSE']}")
    for _, rest in rows:
        for source in re.findall(r"\./(\w+)", rest):
            assert (ROOT / source).exists()


def test_the_container_is_built_from_the_sources_alone():
    """A data directory, keys or an environment that lie in the checkout are no part of it; all that is built is."""
    rows = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if not line.startswith("#")]
    taken = {row[1:] for row in rows if row.startswith("!")}
    assert rows[0] == "*"
    assert all((ROOT / name).exists() for name in taken)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    packages = {Path(name).parts[0] for name in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    needed = {"pyproject.toml", "native", project["project"]["readme"], *project["project"]["license-files"], *packages}
    assert taken == needed
