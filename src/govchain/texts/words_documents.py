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
    "option.from_configuration": (
        "按导出的配置建链（export configuration -o FILE）：算法、限制、机构、账户、节点设置相同，密钥另行生成",
        (
            "make it like an exported configuration (export configuration -o FILE): the same algorithms, limits, "
            "organisations, accounts and node settings, with keys of its own"
        ),
    ),
    "init.configuration_alone": (
        "--from-configuration 只能与 --chain 同用",
        "beside --from-configuration only --chain may be given",
    ),
    "help.export": (
        "按 T/CESA 6002《区块链 数据格式规范》导出数据元素",
        "Export data elements of T/CESA 6002 (data format of blockchains)",
    ),
    "help.export.block": ("区块 N（02_001 至 02_007）", "Block N (02_001 to 02_007)"),
    "help.export.tx": ("事务 ID（03_001 至 03_004）", "Transaction ID (03_001 to 03_004)"),
    "help.export.entity": ("事务 ID 的实体（04_001 至 04_004）", "Entity of transaction ID (04_001 to 04_004)"),
    "help.export.account": ("账户 ADDRESS（01_001 至 01_004）", "Account ADDRESS (01_001 to 01_004)"),
    "help.export.contract": (
        "合约 NAME：内置规则族（05_001 至 05_004）",
        "Contract NAME: a built-in family of rules (05_001 to 05_004)",
    ),
    "help.export.configuration": (
        "链和节点的配置（06_001 至 06_005），可据以新建节点",
        "Configuration of chain and node (06_001 to 06_005), from which a node can start",
    ),
    "option.export_check": (
        "核对每个必选元素：有无、类型、长度；有不符则退出码为 1",
        "check that each mandatory element is there, of the right type and length; exit code 1 where one is not",
    ),
    "option.export_output": ("把 JSON 写入文件", "write the JSON to a file"),
    "option.export_account": ("账户地址（十六进制）", "address of the account (hex)"),
    "option.family": ("规则族的名称，如 evidence", "name of the family, such as evidence"),
    "export.written": ("已写入 {path}（{size} 字节）", "Written to {path} ({size} bytes)"),
    "export.withheld": ("（不导出）", "(never exported)"),
    "export.absent": ("（无）", "(none)"),
    "export.holds": ("各元素符合要求。", "Every element is as it must be."),
    "export.fails": ("不符合要求的元素：{elements}", "Elements that are not as they must be: {elements}"),
    "export.state.present": ("有", "there"),
    "export.state.absent": ("无", "none"),
    "export.state.withheld": ("不导出", "withheld"),
    "export.other_length": ("非推荐长度", "not the recommended length"),
    "label.identifier": ("标识符", "identifier"),
    "label.mandatory": ("必选", "mandatory"),
    "label.element": ("数据元素", "element"),
    "label.presence": ("有无", "presence"),
    "label.element_type": ("类型", "type"),
    "label.length": ("长度（字节）", "length (bytes)"),
    "evidence.certified": (
        "已开具存证证书 {path}（{size} 字节）；核验：govchain verify {path}",
        "Certificate written to {path} ({size} bytes); verify it with: govchain verify {path}",
    ),
    "evidence.certificate_what": (
        "请给出存证编号，或用 --package 给出证明包，二者取其一",
        "name a record, or give a package with --package, one of the two",
    ),
}
