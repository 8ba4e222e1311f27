"""Make the certificates of this folder anew; to be run only when a new version of the form is added."""

from pathlib import Path

from govchain import proof
from govchain.documents import render_certificate
from govchain.proof import TrustAnchors
from tests.proof.chainkit import KINDS, Chain, batch, item

HERE = Path(__file__).resolve().parent


def write(name: str, chain: Chain, spec: dict[str, object], url: str) -> None:
    """Draw one and put it here."""
    data = chain.package(spec)
    facts = proof.verify_package(data, trusted=TrustAnchors(), kinds=KINDS).facts
    (HERE / name).write_bytes(render_certificate(data, facts, url=url))


def main() -> None:
    """All of them."""
    chain = Chain(name="gov-test")
    payload = {"reference": "沪政存〔2026〕第 118 号", "subject": item()}
    write("1-record.pdf", chain, {"id": chain.add(chain.body("evidence.put", payload))[0], "at": 1}, "")
    chain = Chain(name="gov-test", test_clock=True)
    about, items = batch(chain, 3)
    chain.mark(about, member=1, reason="lawful_order")
    spec = {"id": about, "at": 2, "member": 1, "items": items}
    write("1-withdrawn-leaf.pdf", chain, spec, "https://chain.example.gov.cn/verify")


if __name__ == "__main__":
    main()
