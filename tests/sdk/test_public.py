import subprocess
import sys

from govchain import sdk


def test_the_public_names_are_these():
    assert sdk.__all__ == [
        "Account",
        "Anchor",
        "Anchored",
        "CaptureOptions",
        "CapturedFile",
        "CapturedSet",
        "Catalogue",
        "Client",
        "Entry",
        "EventQuery",
        "EvidenceQuery",
        "EvidenceRecord",
        "EvidenceStatus",
        "FoundFile",
        "HistoryStep",
        "HttpTransport",
        "Organisation",
        "Prepared",
        "Signing",
        "Timeouts",
        "Transport",
        "TrustStore",
        "Watcher",
        "build_transaction",
        "capture_contents",
        "capture_paths",
        "content_facts",
        "default_home",
        "default_trust_path",
        "new_nonce",
        "now_ms",
    ]
    for name in sdk.__all__:
        assert getattr(sdk, name).__name__ == name


def test_importing_the_room_loads_none_of_it():
    code = (
        "import sys, govchain.sdk; print([m for m in sys.modules if m.startswith('govchain.') and m != 'govchain.sdk'])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
