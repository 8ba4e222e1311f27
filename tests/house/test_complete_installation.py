"""Nothing is missing from a new installation: every command is there, and a whole round of use passes."""

import json

import pytest

from govchain.cli.start import COMMANDS
from govchain.ops.demo import FILES_MIN
from tests.house.test_installation import Machine

#: Every function of the command line.
FUNCTIONS = """
init
up
evidence put
evidence find
evidence show
evidence history
evidence supplement
evidence supersede
evidence withdraw
evidence export
evidence certificate
verify
trust add
trust list
trust remove
login
logout
profile list
profile show
profile set
profile remove
profile use
account list
account show
account register
account freeze
account unfreeze
key new
key show
key sign
key verify
block list
block show
tx show
genesis show
genesis verify
genesis assemble
genesis sign
node keys
node renew
node init
net create
net start
net stop
net status
net logs
net rebuild-node
net compare
net add-node
net remove-node
net consensus stop
net consensus start
node admit
demo net
chain status
chain propose chain-create
chain propose chain-stop
chain propose member-add
chain propose member-remove
chain propose member-rotate
chain propose organisation-account
chain propose organisation-add
chain propose parameter-change
chain propose policy-change
chain propose upgrade
chain vote
chain withdraw
chain ready
chain proposals
chain members
chain parameters
chain create
chain stop
chain list
chain genesis
export block
export tx
export account
export entity
export contract
export configuration
watch
webhook add
webhook list
webhook show
webhook change
webhook remove
webhook ping
webhook deliveries
webhook dead-letters
webhook resend
webhook discard
index status
index rebuild
index check
doctor
uninstall
bench sm2
backup create
backup list
backup restore
backup verify
bench ledger
bench api
bench net
archive create
archive list
archive mount
archive prune
archive unmount
archive verify
bench join
completion
version
"""

#: Walks the command tree of the installed package, and asks each command for its help page in the same process.
WALK = """
import contextlib, io, json
from govchain.cli.start import build_root, run
def walk(command, path):
    commands = getattr(command, "commands", None)
    if path == [] or commands:
        names = command.list_commands(None)
        for name in names:
            yield from walk(command.get_command(None, name), [*path, name])
    else:
        yield path
told = {}
for path in walk(build_root(), []):
    page = io.StringIO()
    with contextlib.redirect_stdout(page):
        try:
            run([*path, "--help"])
            code = "went on"
        except SystemExit as end:
            code = end.code
    told[" ".join(path)] = [code, len(page.getvalue())]
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    return Machine(tmp_path_factory.mktemp("machine")).install()


@pytest.mark.requirement("BJ.portability.installability.05")
def test_every_function_is_there_and_explains_itself(machine):
    (machine.work / "walk.py").write_text(WALK)
    code, printed = machine.run("python -I walk.py")
    assert code == 0, printed
    told = json.loads(printed.strip().splitlines()[-1])
    assert sorted(told) == sorted(line for line in FUNCTIONS.splitlines() if line)
    assert {name: answer for name, answer in told.items() if answer[0] != 0 or answer[1] < 50} == {}
    assert {name.split()[0] for name in told} == set(COMMANDS)
    code, printed = machine.run("govchain --help")
    assert code == 0
    assert [name for name in COMMANDS if name not in printed] == []
    assert machine.run("govchain no-such-command --help")[0] == 2


@pytest.mark.requirement("BJ.portability.installability.05")
def test_a_whole_round_of_use_passes_on_the_new_installation(machine):
    """A chain, 1,000 files, a package, its verification, a refused forgery, and the node's own examination."""
    (machine.work / "files").mkdir()
    for number in range(FILES_MIN):
        (machine.work / "files" / f"{number}.txt").write_text(f"file {number}")
    code, printed = machine.run("govchain demo --dir demo --files files")
    assert code == 0, printed
    code, printed = machine.run("govchain init chain && govchain --data chain doctor")
    assert code == 0, printed
