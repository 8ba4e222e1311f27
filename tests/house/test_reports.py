"""Reports of tests that quote what is no text: in a parallel run they travel as UTF-8, and must not end it."""

import subprocess
import sys

from tests.conftest import encodable

FAILING = """
import sys

def test_quotes_what_is_no_text():
    print("said \\udcff")
    assert "name-\\udcfe" == "name"

def test_fine():
    pass
"""


def test_what_no_utf8_has_is_written_as_escapes():
    assert encodable("name-\udcff 政链") == "name-\\udcff 政链"


def test_a_parallel_run_survives_a_report_that_is_no_text(tmp_path):
    (tmp_path / "test_failing.py").write_text(FAILING, encoding="utf-8")
    options = ["-n", "1", "-p", "tests.conftest", "--requirements-record=none", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", "/dev/null", "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        timeout=120,
        check=False,
    )
    told = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 1, told
    assert "1 failed, 1 passed" in told
    assert "name-\\udcfe" in told
    assert "INTERNALERROR" not in told
