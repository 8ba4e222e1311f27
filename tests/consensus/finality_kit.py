"""Members of one chain in one process, whose signatures the test carries."""

import msgspec

from govchain.consensus import Certifier, FinalitySignature, LedgerApplication, Pool
from govchain.ledger import build_machine
from govchain.model.wire import GenesisMember
from govchain.proof.certificates import decode_certificate, finality_message, verify_certificate
from govchain.state import MemoryStore
from tests.ledger.kit import CREATED, Kit, new_account, put


class Route:
    """Keeps what this member publishes."""

    def __init__(self):
        self.sent = []

    def publish(self, signature):
        self.sent.append(signature)


class Watch:
    """Keeps what it hears of other members."""

    def __init__(self):
        self.heard = []

    def equivocated(self, key, height, proof):
        self.heard.append(("equivocated", key, height, proof))

    def disagreed(self, signature):
        self.heard.append(("disagreed", signature))

    def diverged(self, height, reason):
        self.heard.append(("diverged", height, reason))


class Member:
    """A member of several: its own store and key, the same blocks as the others."""

    def __init__(self, kit, account, store=None, *, signs=True):
        self.kit, self.account = kit, account
        self.store = MemoryStore() if store is None else store
        certifier = Certifier(kit.machine.suite, account.signer) if signs else None
        self.application = LedgerApplication(kit.machine, self.store, Pool(), lambda: CREATED + 1, certifier)
        self.finality = self.application.finality
        self.route = self.finality.route = Route()
        self.watch = self.finality.disagreements.watch = Watch()
        if self.application.info().app_hash == b"":
            self.application.init_chain()

    def block(self, *envelopes):
        """An engine block, empty without envelopes."""
        height = self.application.info().engine_height + 1
        self.application.finalize_block(list(envelopes), CREATED + height, height)
        self.application.commit()

    def certificate(self, height):
        stored = self.application.blocks.certificate(height)
        return None if stored is None else decode_certificate(stored)

    def again(self, *, signs=True):
        self.application.close()
        return Member(self.kit, self.account, self.store, signs=signs)


def several(rule, count):
    """A chain of ``count`` members under ``rule``."""
    kit = Kit()
    accounts = [new_account() for _ in range(count)]
    members = [
        GenesisMember("sm2-sm3", account.key.hex(), f"node-{number}", kit.organisations[0])
        for number, account in enumerate(accounts)
    ]
    members.sort(key=lambda member: member.key)
    accounts.sort(key=lambda account: account.key)
    kit.genesis = msgspec.structs.replace(kit.genesis, members=tuple(members), rule=rule)
    digests = {module.name: "00" * 32 for module in kit.modules}
    kit.machine = build_machine(kit.genesis, kit.modules, digests, kit.machine.verifier)
    return kit, [Member(kit, account) for account in accounts]


def signed_block(rule, count, *, blocks=1):
    """The same, after every member has made and signed ``blocks`` blocks of one record each, and sent nothing."""
    kit, members = several(rule, count)
    envelopes = [put(kit.department) for _ in range(blocks)]
    for member in members:
        for envelope in envelopes:
            member.block(envelope)
        if rule == "bft":
            member.block()  # a member signs when the next engine block arrives
    return kit, members


def exchange(members):
    """Every member's published signatures reach every other one."""
    for member in members:
        for other in members:
            if other is not member:
                for signature in member.route.sent:
                    other.finality.add(signature)
        member.route.sent = []


def verify_all(member):
    application = member.application
    for height in range(1, application.certified_height + 1):
        certificate = member.certificate(height)
        assert certificate is not None, height
        header = application.blocks.decoded_header(height)
        following = height < application.chain.height
        identity = application.blocks.identity_after(height) if following else application.chain.identity
        verify_certificate(application.machine.suite, header, identity, certificate)
    return application.certified_height


def signed(kit, account, signature, **changed):
    """What ``account`` signs about the block of ``signature``, changed."""
    statement = {"identity": signature.identity, "state_root": signature.state_root, "epoch": signature.epoch} | changed
    height = statement.pop("height", signature.height)
    message = finality_message(
        kit.genesis.chain, statement["epoch"], height, statement["identity"], statement["state_root"]
    )
    return FinalitySignature(height, account.key, account.signer.sign(message), **statement)
