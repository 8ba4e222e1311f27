"""Words of the commands about paper and exports: certificates (存证证书) and the elements of T/CESA 6002."""

__all__ = ["PAIRS"]

#: ``area.name`` to its sentences, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "step.paper": ("证书页面", "printed page"),
    "verify.detail.paper": (
        "即由该证明包生成的页面[[；页面上的地址 {url} 不在证明范围内]]",
        "the page made from this package[[; the address on it, {url}, is not part of what is proved]]",
    ),
    "help.evidence.certificate": (
        "开具可打印的存证证书（PDF，内附证明包）",
        "Draw a printable certificate (PDF with the evidence package inside)",
    ),
    "option.certificate_output": ("写入的 PDF 文件", "the PDF file to write"),
    "option.certificate_url": (
        "印在证书和二维码中的查询地址（http 或 https）",
        "address to print on the certificate and in its QR code (http or https)",
    ),
    "option.certificate_package": (
        "用已有的证明包开具，不读取链",
        "draw it from an evidence package that is there already, without a chain",
    ),
    "evidence.certified": (
        "已开具存证证书 {path}（{size} 字节）；核验：govchain verify {path}",
        "Certificate written to {path} ({size} bytes); verify it with: govchain verify {path}",
    ),
    "evidence.certificate_what": (
        "请给出存证编号，或用 --package 给出证明包，二者取其一",
        "name a record, or give a package with --package, one of the two",
    ),
}
