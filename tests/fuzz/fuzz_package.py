"""Both package verifiers on arbitrary bytes: no crash, and the same answer. Run by `tools/fuzz.py`, or alone:
`python tests/fuzz/fuzz_package.py [SECONDS]`.

Half of what is tried goes to the container as it is; the other half replaces a member of a good package and puts the
digests right again, so that the deeper steps are reached.
"""

import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.proof.agree import NOTHING, both
from tests.proof.chainkit import Chain, batch, open_package, private_item, repack


@cache
def good():
    """A package with members of every kind, by name."""
    chain = Chain()
    id, items = batch(chain, 3)
    about, openings = private_item(chain)
    private = chain.add(chain.body("evidence.put", {"reference": "", "subject": about}))[0]
    chain.mark(id, member=1)
    return open_package(
        chain.package({"id": id, "at": 3, "member": 1, "items": items}, {"id": private, "at": 2, "openings": openings})
    )


def _seeds():
    names = sorted(good())
    return [repack(good())] + [bytes((number,)) + good()[name] for number, name in enumerate(names)]


SEEDS = _seeds()


def one(data):
    """The container on the bytes themselves, then the member that the first byte names replaced by the rest."""
    both(data, NOTHING)
    names = [name for name in sorted(good()) if name != "manifest.json"]
    if data:
        both(repack(good() | {names[data[0] % len(names)]: data[1:]}), NOTHING)


def main(seconds):
    """Try for so many seconds, guided by coverage where atheris is installed."""
    import atheris

    arguments = [sys.argv[0], f"-max_total_time={seconds}", "-max_len=8192"]
    atheris.Setup(arguments, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
