"""One well-formed value of each wire schema, with every optional field."""

from typing import Any

from msgspec import Raw

from govchain.model import wire

D1, D2, D3 = "11" * 32, "22" * 32, "33" * 32
KEY = "ab" * 64
CODE = "11100000000013338W"

BODY = wire.Body(
    chain="demo",
    expires=1_700_000_600_000,
    nonce="00" * 16,
    payload=Raw(b'{"subject":{}}'),
    signers=(wire.Signer(account="12" * 20, algorithm="sm2-sm3", key=KEY),),
    type="evidence.put",
    version=1,
    data="00ff",
    memo=wire.Memo(kind="text", value="备注"),
    recipient="34" * 20,
    time=1_700_000_000_000,
)
EVENT = wire.Event(data={"count": 1}, organisation=CODE, reference="案号 1", type="evidence.anchored", version=1)
SET = wire.SignerSet(keys=(wire.SignerKey(algorithm="sm2-sm3", key=KEY),), rule="solo")

SAMPLES: dict[str, Any] = {
    "body": BODY,
    "receipt": wire.Receipt(code=0, events=(EVENT,), height=7, index=0, transaction=D1),
    "header": wire.Header(
        chain="demo",
        checkpoint=wire.CheckpointMark(height=1, root=D1),
        epoch=0,
        height=7,
        history=D1,
        next_signers=D2,
        previous=D3,
        receipt_root=D1,
        signers=D2,
        state_root=D3,
        time=1_700_000_000_001,
        transaction_count=1,
        transaction_root=D1,
    ),
    "certificate": wire.Certificate(
        chain="demo",
        epoch=0,
        height=7,
        identity=D1,
        set=SET,
        signatures=(wire.SignatureEntry(key=KEY, signature="cd" * 64),),
        state_root=D2,
    ),
    "genesis": wire.Genesis(
        accounts=(
            wire.GenesisAccount(
                administrator=True,
                algorithm="sm2-sm3",
                key=KEY,
                label="office",
                organisation=CODE,
                roles=("department", "operator"),
            ),
        ),
        algorithms=("sm2-sm3",),
        chain="demo",
        created=1_700_000_000_000,
        format="govchain-genesis/1",
        limits=wire.Limits(),
        members=(wire.GenesisMember(algorithm="sm2-sm3", key=KEY, name="node-1", organisation=CODE),),
        modules=(wire.GenesisModule(digest=D1, name="evidence", version=1),),
        organisations=(wire.GenesisOrganisation(code=CODE, name="住房和城乡建设部"),),
        rule="solo",
        suite="gm",
        test_clock=False,
    ),
}
