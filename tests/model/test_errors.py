import pytest

from govchain.model import (
    Code,
    DecodingError,
    GovChainError,
    RefusedError,
    UnavailableError,
    UsageError,
    VerificationError,
)


@pytest.mark.parametrize(
    ("kind", "exit_code", "parent"),
    [
        (GovChainError, 1, Exception),
        (UsageError, 2, GovChainError),
        (RefusedError, 1, GovChainError),
        (DecodingError, 1, RefusedError),
        (VerificationError, 1, GovChainError),
        (UnavailableError, 5, GovChainError),
    ],
)
def test_the_tree_and_its_exit_codes(kind, exit_code, parent):
    error = kind(Code.USAGE, reason="x")
    assert (error.code, error.exit_code) == (Code.USAGE, exit_code)
    assert isinstance(error, parent)
    assert str(error) == f"USAGE (690): {error.text()}"
    assert "x" in error.text("zh")


def test_verification_errors_name_step_and_member():
    error = VerificationError(Code.HEADER_INVALID, step=4, member="headers/7.json", reason="history")
    assert (error.step, error.member) == (4, "headers/7.json")
    assert error.params["step"] == 4
    assert "headers/7.json" in error.text("en")
    assert "headers/7.json" in error.text("zh")
    assert "history" in str(error)


def test_unavailable_errors_may_hint_when_to_return():
    assert UnavailableError(Code.POOL_FULL, retry_after_ms=250).retry_after_ms == 250
    assert UnavailableError(Code.POOL_FULL).retry_after_ms is None
