"""The certificate that a server shows, whether or not it holds; and none where there is none."""

import socket

import pytest

from govchain.model import Code, UnavailableError
from govchain.sdk.probing import shown_certificate
from tests.services.tls_kit import Authority
from tests.services.webhook_kit import answering, receiving


@pytest.mark.parametrize(("name", "ends_days"), [("127.0.0.1", 1), ("elsewhere.gov.cn", 1), ("127.0.0.1", -1)])
def test_the_certificate_is_told_whether_or_not_it_holds(tmp_path, name, ends_days):
    context = Authority(tmp_path).server(name, begins_days=-2, ends_days=ends_days)
    (issued,) = [path.read_bytes() for path in tmp_path.glob("*.pem") if path.name != "ca.pem"]
    with receiving(context) as receiver:
        assert shown_certificate(receiver.url) == issued


def test_where_there_is_none():
    assert shown_certificate("http://127.0.0.1:1/") is None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"https://127.0.0.1:{free.getsockname()[1]}"
    with answering(b"no TLS") as (plain, _):
        for url in (nobody, plain.replace("http:", "https:")):
            with pytest.raises(UnavailableError) as refused:
                shown_certificate(url)
            assert refused.value.code is Code.NODE_UNREACHABLE
