"""Random faults at random moments against four members under load; the seed is printed and replays the order."""

import os
import random
import signal
import threading
import time

import pytest

from tests.consensus.cometbft.kit import Network, wait_until
from tests.ledger.kit import id_of

pytestmark = pytest.mark.net
SECONDS = 120 if os.environ.get("GOVCHAIN_TEST_LONG") else 12


class Chaos:
    """Does one thing after another to one member at a time, so that a quorum is left."""

    def __init__(self, net, seed):
        self.net = net
        self.chance = random.Random(seed)
        self.done = []

    def act(self):
        member = self.chance.choice(self.net.members)
        kind = self.chance.choice(("engine", "all", "freeze engine", "freeze all", "stop"))
        self.done.append((kind, member.name))
        pause = self.chance.uniform(0.1, 1.5)
        match kind:
            case "engine":
                member.kill_engine()
                time.sleep(pause)
            case "all":
                member.kill()
                time.sleep(pause)
                member.start()
            case "stop":
                member.stop()
                member.start()
            case "freeze engine":
                pid = member.facts()["pid"]
                if pid:
                    os.kill(pid, signal.SIGSTOP)
                    time.sleep(pause)
                    os.kill(pid, signal.SIGCONT)
            case "freeze all":
                member.process.send_signal(signal.SIGSTOP)
                time.sleep(pause)
                member.process.send_signal(signal.SIGCONT)


def test_random_faults_lose_nothing_and_fork_nothing(tmp_path):
    seed = random.randrange(2**32)
    print("seed", seed)
    net = Network(tmp_path / "net", 4, options={"timeout_propose_ms": 1_500, "wait_ms": 200, "restarts_max": 20})
    net.start()
    chaos = Chaos(net, seed)
    stopping = threading.Event()

    def load():
        while not stopping.wait(0.05):
            envelopes = net.puts(3)
            for member in net.members:
                try:
                    member.submit(*envelopes)
                except (OSError, ValueError):  # it is down just now
                    continue

    try:
        net.commit(net.put())
        loader = threading.Thread(target=load)
        loader.start()
        limit = time.monotonic() + SECONDS
        while time.monotonic() < limit:
            chaos.act()
        stopping.set()
        loader.join()
        print(chaos.done)
        height = net.commit(net.put())[0]["height"]
        facts = net.agree(least=height)
        assert {each["problem"] for each in facts} == {None}
        # What any member said was committed is there at every member, with one receipt.
        acknowledged = sorted(
            {
                id_of(member.sent[place])
                for member in net.members
                for place, outcome in member.outcomes.items()
                if outcome["height"]
            }
        )
        assert len(acknowledged) > 20
        asked = [id.hex() for id in acknowledged]
        receipts = [member.ask("receipts", "receipts", ids=asked) for member in net.members]
        assert None not in receipts[0]
        assert receipts == [receipts[0]] * 4
        wait_until(lambda: all(each["pid"] for each in net.agree()), "every engine lives")
    finally:
        stopping.set()
        net.stop()
