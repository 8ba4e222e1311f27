"""Sentences about keys that are not result codes."""

SENTENCES: dict[str, dict[str, str]] = {
    "signers.software_keys": {
        "zh": "正在使用软件密钥[[（{uri}，{algorithm}）]]。演示和测试可用；生产环境应改用经认证的密码设备。",
        "en": "A software key is in use[[ ({uri}, {algorithm})]]. Fine for tests and demonstrations; "
        "in production use certified cryptographic hardware.",
    },
}
