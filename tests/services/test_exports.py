"""Exports of a real chain, their check, and a chain made from an exported configuration."""

import json
from importlib import metadata

import msgspec
import pytest

import govchain_native as native
from govchain.crypto import get_suite, key_id
from govchain.model import Code, RefusedError, UnavailableError, UsageError
from govchain.node.embedded import create_chain, open_embedded
from govchain.node.settings import Settings, changed_settings, load_settings
from govchain.proof.certificates import decode_certificate, verify_certificate
from govchain.proof.genesis import decode_genesis, fingerprint
from govchain.proof.headers import header_identity
from govchain.proof.trust import TrustAnchors
from govchain.sdk.client import Client
from govchain.services.chains import ChainOptions
from govchain.services.configurations import configuration_of, decode_configuration, settings_file
from govchain.services.exports import KINDS, Exports, NodeFacts, check_export, holds, ip_address_of
from tests.node.kit import SMALL, transaction_id

SUITE = get_suite("gm")


def client_of(node):
    return Client(node.transport, trust=TrustAnchors((fingerprint(node.genesis).hex(),)))


@pytest.fixture
def exports(node):
    return Exports(lambda: client_of(node), NodeFacts("::1", {"reads": "open"}))


@pytest.fixture
def put(node, actor):
    """Commit one record; its transaction's id."""

    def commit(**more):
        envelope = actor.put(**more)
        [answer] = node.submitter.submit([envelope], wait=True, timeout_s=20)
        assert answer.code == 0
        return transaction_id(envelope).hex()

    return commit


def value(export, identifier):
    return export.elements[identifier].value


@pytest.mark.requirement("BJ.data.structure.01", "BJ.principle.standard.02", "BJ.compatibility.interoperability.01b")
def test_each_of_the_six_kinds_is_exported_and_checked(exports, put, actor):
    id = put(recipient=actor.address, data="c0ffee", memo={"kind": "text", "value": "备注"})
    names = {
        "account": actor.address, "block": "1", "transaction": id, "entity": id, "contract": "evidence",
        "configuration": "",
    }  # fmt: skip
    assert set(names) == set(KINDS)
    seen = {}
    for kind, name in names.items():
        export = exports.export(kind, name)
        checks = check_export(export)
        assert holds(checks), [check for check in checks if not check.holds]
        assert [check.identifier for check in checks] == list(export.elements)
        assert export.names == {element.name_en: element.value for element in export.elements.values()}
        seen |= {check.identifier: check.state for check in checks}
    assert len(seen) == 28
    absent = {identifier for identifier, state in seen.items() if state == "absent"}
    # Certificates come with the public key infrastructure, a contract's storage with contracts.
    assert absent == {"01_003", "05_004"}
    assert [identifier for identifier, state in seen.items() if state == "withheld"] == ["01_002"]


@pytest.mark.requirement("BJ.compliance.parse.02", "BJ.data.structure.16")
def test_a_block_s_elements_are_those_of_its_header(exports, put, node):
    ids = [put() for _ in range(3)]
    height = node.transport.status().height
    for number in range(1, height + 1):
        export = exports.export("block", str(number))
        header = bytes.fromhex(export.context["header"])
        fields = json.loads(header)
        assert list(export.elements) == [f"02_{n:03d}" for n in range(1, 8)]
        assert value(export, "02_001") == number == fields["height"]
        assert value(export, "02_002") == header_identity(SUITE, header).hex()
        assert value(export, "02_004") == fields["previous"]
        assert value(export, "02_005") == fields["transaction_root"]
        assert value(export, "02_006") == fields["time"]
        assert len(value(export, "02_007")) == fields["transaction_count"]
        if number > 1:
            before = exports.export("block", str(number - 1))
            assert value(export, "02_004") == value(before, "02_002")
            assert value(export, "02_006") > value(before, "02_006")
    listed = [one for number in range(1, height + 1) for one in value(exports.export("block", str(number)), "02_007")]
    assert listed == ids


@pytest.mark.requirement("BJ.data.structure.07")
def test_every_transaction_of_a_block_leads_to_the_accounts_that_it_names(exports, put, actor):
    put()
    put()
    for height in ("1", "2"):
        for id in value(exports.export("block", height), "02_007"):
            transaction, entity = exports.export("transaction", id), exports.export("entity", id)
            assert value(transaction, "03_003") == value(entity, "04_001") == actor.address
            account = exports.export("account", value(entity, "04_001"))
            assert value(account, "01_001") == actor.key.hex() == transaction.context["signers"][0]["key"]


@pytest.mark.requirement("BJ.data.01_001", "BJ.data.01_004")
def test_an_account_s_public_key_verifies_what_it_signs_and_its_private_key_is_nowhere(exports, actor):
    export = exports.export("account", actor.address)
    key = bytes.fromhex(value(export, "01_001"))
    assert len(key) == 64
    signature = native.sm2_sign(actor.secret, actor.key, b"message")
    assert native.sm2_verify(key, b"message", signature) == Code.OK
    assert native.sm2_verify(key, b"massage", signature) != Code.OK
    [institution] = value(export, "01_004")
    assert institution == {"code": "11110000DEM0000009", "name": exports.export("configuration", "").context[
        "configuration"]["organisations"][0]["name"]}  # fmt: skip
    assert export.elements["01_002"].state == "withheld"
    assert actor.secret.hex() not in json.dumps(msgspec.to_builtins(export))


@pytest.mark.requirement("BJ.data.06_002", "BJ.data.06_003", "BJ.data.06_005")
def test_the_configuration_names_node_versions_and_keys(exports, node, put):
    put()
    export = exports.export("configuration", node.genesis.chain)
    member = node.genesis.members[0]
    assert value(export, "06_001") == "1"
    assert value(export, "06_002") == metadata.version("govchain")
    assert value(export, "06_003") == key_id(member.algorithm, bytes.fromhex(member.key)).hex()
    assert value(export, "06_005") == member.key
    ids = [peer["id"] for peer in export.context["peers"]]
    assert len(set(ids)) == len(ids) == 1
    # The peer's key is the one whose signature makes a block final.
    block = client_of(node).checker.verified_header(1)
    certificate = decode_certificate(block.certificate)
    assert [entry.key for entry in certificate.signatures] == [value(export, "06_005")]
    assert verify_certificate(SUITE, block.header, block.identity, certificate) is None


@pytest.mark.requirement("BJ.data.06_004")
@pytest.mark.parametrize(
    ("listen", "address", "length"),
    [("10.1.2.3:8547", "10.1.2.3", 4), ("[2001:db8::7]:8547", "2001:db8::7", 16), ("localhost:1", "127.0.0.1", 4)],
)
def test_a_node_s_address_is_the_one_configured(node, listen, address, length):
    settings = Settings({"listen": listen})
    exports = Exports(lambda: client_of(node), NodeFacts(ip_address_of(settings.text("listen"))))
    export = exports.export("configuration", "")
    assert value(export, "06_004") == address
    [check] = [check for check in check_export(export) if check.identifier == "06_004"]
    assert (check.holds, check.bytes) == (True, length)


@pytest.mark.parametrize(
    ("identifier", "wrong", "type_right"),
    [
        ("02_002", "ab" * 31, True),
        ("02_002", "AB" * 32, True),
        ("02_002", "xy" * 32, True),
        ("02_002", 7, False),
        ("02_002", ["ab" * 32], False),
        ("02_004", "", True),
        ("02_006", "1", False),
        ("02_006", True, False),
        ("02_006", -1, True),
        ("02_006", 2**64, True),
        ("02_006", 1.5, False),
        ("02_007", "", False),
        ("02_007", {}, False),
    ],
)
def test_a_wrong_value_fails_the_check(exports, put, identifier, wrong, type_right):
    put()
    good = exports.export("block", "1")
    element = msgspec.structs.replace(good.elements[identifier], value=wrong)
    bad = msgspec.structs.replace(good, elements={**good.elements, identifier: element})
    [failed] = [check for check in check_export(bad) if not check.holds]
    assert failed.identifier == identifier
    assert failed.type is type_right
    assert not (failed.type and failed.length)


@pytest.mark.parametrize("identifier", ["02_002", "02_004", "02_005", "02_006", "02_007"])
def test_a_mandatory_element_that_lacks_fails_the_check_and_an_optional_one_does_not(exports, put, identifier):
    put()
    good = exports.export("block", "1")
    lacking = msgspec.structs.replace(
        good, elements={name: one for name, one in good.elements.items() if name not in (identifier, "02_003")}
    )
    failed = [check for check in check_export(lacking) if not check.holds]
    assert [(check.identifier, check.state) for check in failed] == [(identifier, "absent")]


def test_a_key_of_another_algorithm_is_as_long_as_that_algorithm_s_keys(tmp_path):
    chain = create_chain(tmp_path / "d", ChainOptions(now=1_760_000_000_000, suite="international"))
    with open_embedded(chain.path, options=SMALL) as node:
        export = Exports(lambda: client_of(node)).export("account", chain.accounts[0].address)
        checks = {check.identifier: check for check in check_export(export)}
        assert holds(list(checks.values()))
        assert checks["01_001"].length
        other = msgspec.structs.replace(export, context={**export.context, "algorithm": "ed25519"})
        assert not holds(check_export(other))


@pytest.mark.parametrize(
    ("kind", "name", "error", "code"),
    [
        ("block", "0", UsageError, Code.USAGE),
        ("block", "-1", UsageError, Code.USAGE),
        ("block", "", UsageError, Code.USAGE),
        ("block", "１", UsageError, Code.USAGE),
        ("block", "9" * 40, UsageError, Code.USAGE),
        ("block", "999999", UnavailableError, Code.NOT_FOUND),
        ("transaction", "00", UsageError, Code.USAGE),
        ("transaction", "00" * 32, RefusedError, Code.NOT_FOUND),
        ("entity", "Z" * 64, UsageError, Code.USAGE),
        ("account", "00" * 20, RefusedError, Code.NOT_FOUND),
        ("account", "00", UsageError, Code.USAGE),
        ("contract", "licence", RefusedError, Code.NOT_FOUND),
        ("contract", "../evidence", RefusedError, Code.NOT_FOUND),
        ("configuration", "other-chain", RefusedError, Code.NOT_FOUND),
        ("licence", "1", UsageError, Code.USAGE),
    ],
)
def test_what_is_not_there_or_malformed_is_refused(exports, put, kind, name, error, code):
    put()
    with pytest.raises(error) as refused:
        exports.export(kind, name)
    assert refused.value.code is code


# Starting from a configuration


@pytest.fixture
def exported(exports):
    return msgspec.json.encode(exports.export("configuration", ""))


@pytest.mark.requirement("BJ.data.structure.05")
def test_a_node_starts_from_an_exported_configuration(exported, node, tmp_path):
    configuration = decode_configuration(exported)
    made = create_chain(tmp_path / "new", ChainOptions(now=1_760_000_000_000, configuration=configuration))
    genesis = decode_genesis(made.genesis_bytes)
    old = node.genesis
    assert (genesis.chain, genesis.suite, genesis.algorithms, genesis.limits, genesis.organisations) == (
        old.chain, old.suite, old.algorithms, old.limits, old.organisations,
    )  # fmt: skip
    assert genesis.modules == old.modules
    plan = [(one.label, one.organisation, one.roles, one.administrator) for one in genesis.accounts]
    assert plan == [(one.label, one.organisation, one.roles, one.administrator) for one in old.accounts]
    # New keys, so another chain.
    assert not {one.key for one in genesis.accounts} & {one.key for one in old.accounts}
    assert fingerprint(genesis) != fingerprint(old)
    assert load_settings(made.path / "node.toml", {}, {}).text("reads") == "open"
    with open_embedded(made.path, options=SMALL) as started:
        again = Exports(lambda: client_of(started), NodeFacts("::1", {"reads": "open"})).export("configuration", "")
        before = json.loads(exported)["context"]["configuration"]
        assert json.loads(msgspec.json.encode(again))["context"]["configuration"] == before


def test_settings_are_written_as_a_node_reads_them(tmp_path):
    settings = Settings({"listen": "[::1]:1", "verify": True, "read_threads": 7, "ntp_servers": ("https://a", 'b"\\é')})
    (tmp_path / "node.toml").write_bytes(settings_file(changed_settings(settings)))
    assert load_settings(tmp_path / "node.toml", {}, {}).values() == settings.values()
    with pytest.raises(RefusedError):
        settings_file({"listen": "a\nb"})


def test_a_password_in_an_address_is_left_out(node):
    settings = {"index_url": "postgresql://user:secret@host/db", "listen": "1.2.3.4:5"}
    configuration = configuration_of(node.genesis, settings)
    assert configuration.left_out == ("index_url",)
    assert configuration.settings == {"listen": "1.2.3.4:5"}
    assert "secret" not in msgspec.json.encode(configuration).decode()


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://host/db?user=u&password=secret",
        "postgresql://host/db?sslmode=require&SSLPASSWORD=secret",
        "postgresql://host/db?p%61ssword=secret",
        "postgresql://host/db?password=",
        ("https://a.gov.cn", "https://user:secret@b.gov.cn"),
        ["https://a.gov.cn/?access_token=secret"],
        "https://user:secret@[half",
    ],
)
def test_a_password_is_found_wherever_it_stands(node, value):
    configuration = configuration_of(node.genesis, {"x": value, "listen": "1.2.3.4:5"})
    assert (configuration.left_out, configuration.settings) == (("x",), {"listen": "1.2.3.4:5"})


@pytest.mark.parametrize(
    "value",
    ["postgresql://user@host/db?sslmode=require", ("https://a.gov.cn/?x=1", "time.gov.cn"), "/a@b", "[::1]:5", 5, True],
)
def test_what_has_no_password_is_kept(node, value):
    assert configuration_of(node.genesis, {"x": value}).settings == {"x": value}


def test_accounts_with_names_that_are_no_file_names_get_numbers(exported, tmp_path):
    document = json.loads(exported)
    first = document["context"]["configuration"]["accounts"][0]
    labels = ["node", "a/../b", "登记处", "twice", "twice", ".hidden", "plain-1", "account.1"]
    document["context"]["configuration"]["accounts"] = [{**first, "label": label} for label in labels]
    configuration = decode_configuration(json.dumps(document).encode())
    made = create_chain(tmp_path / "new", ChainOptions(now=1, configuration=configuration))
    names = [account.name for account in made.accounts]
    assert names == [f"account.{n}" for n in range(1, 7)] + ["plain-1", "account.8"]
    assert [one.label for one in decode_genesis(made.genesis_bytes).accounts] == labels
    assert {path.name for path in (made.path / "keys").iterdir()} == {f"{name}.pem" for name in names} | {
        "node.pem", "passphrase",
    }  # fmt: skip


def changed(exported, **fields):
    document = json.loads(exported)
    document["context"]["configuration"] |= fields
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "fields",
    [
        {"more": 1},
        {"format": "govchain-configuration/2"},
        {"rule": "bft"},
        {"test_clock": True},
        {"accounts": []},
        {"members": []},
        {"organisations": []},
        {"accounts": [{"administrator": True, "label": "x", "organisation": "nobody", "roles": []}]},
        {"accounts": [{"administrator": True, "label": "x", "organisation": "11110000DEM0000009", "roles": ["king"]}]},
        {"limits": {"body_depth_max": 0}},
        {"limits": None},
        {"settings": {"listen": None}},
        {"settings": {"listen": {"a": 1}}},
        {"suite": "md5"},
    ],
)
def test_a_configuration_that_export_does_not_write_is_refused(exported, fields):
    with pytest.raises(RefusedError) as refused:
        decode_configuration(changed(exported, **fields))
    assert refused.value.code is Code.CONFIGURATION_INVALID


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b'{"kind":"block","context":{}}', b'{"kind":"configuration","context":{}}',
             b"\xff\xfe", b"[" * 100_000, b" " * (4 * 1024 * 1024 + 1)],
)  # fmt: skip
def test_what_is_no_configuration_is_refused(data):
    with pytest.raises(RefusedError) as refused:
        decode_configuration(data)
    assert refused.value.code is Code.CONFIGURATION_INVALID


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"settings": {"unknown_setting": 1}}, Code.USAGE),
        ({"settings": {"read_threads": 0}}, Code.USAGE),
        ({"families": [{"name": "licence", "version": 1}]}, Code.MODULE_MISSING),
        ({"families": [{"name": "evidence", "version": 9}]}, Code.MODULE_MISSING),
        ({"algorithms": ["rot13"]}, Code.ALGORITHM_NOT_ALLOWED),
        ({"chain": "No Good"}, Code.USAGE),
    ],
)
def test_what_this_release_does_not_know_leaves_no_directory(exported, tmp_path, fields, code):
    configuration = decode_configuration(changed(exported, **fields))
    with pytest.raises((UsageError, UnavailableError)) as refused:
        create_chain(tmp_path / "new", ChainOptions(now=1, configuration=configuration))
    assert refused.value.code is code
    assert not (tmp_path / "new").exists()
