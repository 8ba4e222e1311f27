"""Write or check the Python form of CometBFT's ABCI messages, from the ``.proto`` files of the pinned Go module.

Usage: ``make abci-protos`` (which runs ``python -m tools.abci_protos --write`` with the generator of the dependency
group ``protos``), or ``--check`` (exit 1 when what is checked in is not what the pinned files give, or holds one more;
``make test-net`` asks it).

The files come from the Go module cache, at the version that ``engines/cometbft/go.mod`` pins and ``go.sum`` verifies.
Only the messages of ABCI and what they use are kept; options for the Go generator are dropped, and the files are
renamed so that the generated modules import each other inside the package. The message names stay as they are.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENGINE = ROOT / "engines" / "cometbft"
PACKAGE = Path("govchain") / "consensus" / "cometbft" / "protos"
TARGET = ROOT / "src" / PACKAGE
MODULE = "github.com/cometbft/cometbft"
GOGO = "github.com/cosmos/gogoproto"
#: The files that are kept, by their place in the module, and their names here.
FILES = {
    "tendermint/abci/types.proto": "abci",
    "tendermint/crypto/keys.proto": "keys",
    "tendermint/crypto/proof.proto": "proof",
    "tendermint/types/params.proto": "params",
    "tendermint/types/validator.proto": "validator",
}


def module_folder(module: str) -> Path:
    """Where the Go module lies, at the pinned version."""
    subprocess.run(["go", "mod", "download", module], cwd=ENGINE, check=True)
    ask = ["go", "list", "-m", "-f", "{{.Dir}}", module]
    listed = subprocess.run(ask, cwd=ENGINE, capture_output=True, text=True, check=True)
    return Path(listed.stdout.strip())


def generate(target: Path) -> None:
    """Write the generated modules and their stubs into ``target``."""
    from google.protobuf import descriptor_pb2  # noqa: PLC0415 - only this program's own environment has them
    from grpc_tools import protoc  # type: ignore[import-not-found] # noqa: PLC0415

    well_known = Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        described = Path(folder) / "all.binpb"
        includes = [module_folder(MODULE) / "proto", module_folder(GOGO), well_known]
        code = protoc.main(
            [
                "protoc",
                *(f"--proto_path={path}" for path in includes),
                "--include_imports",
                f"--descriptor_set_out={described}",
                *FILES,
            ]
        )
        if code:
            raise SystemExit(code)
        files = descriptor_pb2.FileDescriptorSet.FromString(described.read_bytes())
        kept = [each for each in files.file if each.name in FILES or each.name.startswith("google/protobuf/timestamp")]
        kept += [each for each in files.file if each.name.startswith("google/protobuf/duration")]
        for file in kept:
            if file.name in FILES:
                _simplify(file)
        described.write_bytes(descriptor_pb2.FileDescriptorSet(file=kept).SerializeToString())
        made = Path(folder) / "made"
        made.mkdir()
        code = protoc.main(
            [
                "protoc",
                f"--descriptor_set_in={described}",
                f"--python_out={made}",
                f"--pyi_out={made}",
                *(_renamed(name) for name in FILES),
            ]
        )
        if code:
            raise SystemExit(code)
        for path in sorted((made / PACKAGE).iterdir()):
            (target / path.name).write_bytes(path.read_bytes())


def _renamed(name: str) -> str:
    return f"{PACKAGE.as_posix()}/{FILES[name]}.proto" if name in FILES else name


def _simplify(file) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - a FileDescriptorProto
    file.name = _renamed(file.name)
    dependencies = [_renamed(each) for each in file.dependency if not each.startswith("gogoproto/")]
    del file.dependency[:]
    file.dependency.extend(dependencies)
    del file.public_dependency[:]
    del file.service[:]
    file.ClearField("options")
    for enum in file.enum_type:
        _plain_enum(enum)
    for message in file.message_type:
        _plain_message(message)


def _plain_message(message) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - a DescriptorProto
    if not message.options.map_entry:
        message.ClearField("options")
    for field in (*message.field, *message.extension):
        field.ClearField("options")
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for enum in message.enum_type:
        _plain_enum(enum)
    for nested in message.nested_type:
        _plain_message(nested)


def _plain_enum(enum) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001 - an EnumDescriptorProto
    enum.ClearField("options")
    for value in enum.value:
        value.ClearField("options")


def main(arguments: list[str] | None = None) -> int:
    """Write or check; answers the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--write", action="store_true")
    way.add_argument("--check", action="store_true")
    options = parser.parse_args(arguments)
    if options.write:
        TARGET.mkdir(parents=True, exist_ok=True)
        for path in TARGET.glob("*_pb2.py*"):
            path.unlink()
        generate(TARGET)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        found = compare(Path(folder), TARGET)
    for name in found:
        print(f"{PACKAGE / name}: not what the pinned module gives; run make abci-protos")
    return 1 if found else 0


def compare(made: Path, kept: Path) -> list[str]:
    """Names of the generated files that are missing from ``kept``, differ there, or are there and were not made."""
    names = {path.name for path in made.iterdir()} | {path.name for path in kept.glob("*_pb2.py*")}
    return sorted(name for name in names if _bytes(made / name) != _bytes(kept / name))


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
