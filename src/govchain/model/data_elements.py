"""The data elements of T/CESA 6002-2017《区块链 数据格式规范》: one table.

Purpose: the dictionary that exports are keyed by and checked against (docs/spec/data-format.md). Names, types, lengths
and presence are the standard's own words; ``size`` is what a value of this implementation has.
Rules: identifiers, Chinese names and English names are unique. Not here: values (``services.exports``).

Example:
    >>> ELEMENTS["02_001"].name_en
    'Block Height'
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["CLASSES", "ELEMENTS", "STANDARD", "DataElement", "elements_of"]

#: The standard that the table is from.
STANDARD: Final = "T/CESA 6002-2017"


@dataclass(frozen=True, slots=True)
class DataElement:
    """One element.

    Attributes:
        identifier: class number, underscore, serial number (数据标识符).
        name_zh: Chinese name; ``name_zh_also`` the one that other editions of the text have.
        name_en: English name, spelt as in the text.
        type: 字符串, 整数, 数组 or 字符串或整数.
        length: 定长 or 不定长, and the number of bytes where the text names one.
        presence: 必选 or 可选, as the text says it.
        kind: what a value is in JSON. ``hex`` counts two digits as a byte; ``time`` is ms since 1970 in 8 bytes.
        size: bytes of a value here; None where it varies.
    """

    identifier: str
    name_zh: str
    name_en: str
    type: str
    length: str
    presence: str
    kind: Literal["address", "array", "hex", "integer", "text", "time"]
    size: int | None = None
    name_zh_also: str = ""

    @property
    def mandatory(self) -> bool:
        """Whether the element must be there (必选)."""
        return "必选" in self.presence


#: The six classes: the number that identifiers begin with, the name of the export, Chinese name.
CLASSES: Final = (
    ("01", "account", "账户"),
    ("02", "block", "区块"),
    ("03", "transaction", "事务"),
    ("04", "entity", "实体"),
    ("05", "contract", "合约"),
    ("06", "configuration", "配置"),
)

_ALL = (
    DataElement("01_001", "账户公钥", "Account Public Key", "字符串", "定长，推荐 64 字节", "必选", "hex", 64),
    DataElement("01_002", "账户私钥", "Account Private Key", "字符串", "定长，推荐 32 字节", "必选", "hex", 32),
    DataElement("01_003", "数字证书", "Digital Certificate", "数组", "不定长", "可选", "array"),
    DataElement(
        "01_004", "用户所属机构", "Institution", "数组", "不定长", "可选", "array", name_zh_also="账户所属机构"
    ),
    DataElement("02_001", "区块高度", "Block Height", "整数", "定长", "可选", "integer", 8),
    DataElement("02_002", "区块标识", "Block Identity", "字符串", "定长，推荐长度 32 字节", "必选", "hex", 32),
    DataElement("02_003", "区块版本", "Block Version", "字符串", "不定长", "可选", "text", name_zh_also="版本信息"),
    DataElement(
        "02_004", "前一区块摘要值", "Previous Block Hash", "字符串", "定长，推荐长度 32 字节", "必选", "hex", 32
    ),
    DataElement(
        "02_005",
        "默克尔树根",
        "Merkel Tree Root",
        "字符串",
        "定长，推荐长度 32 字节",
        "事务树根必选，状态和回执树根可选",
        "hex",
        32,
    ),
    DataElement("02_006", "区块时间戳", "Block Timestamp", "整数", "定长，推荐长度 8 字节", "必选", "time", 8),
    DataElement("02_007", "事务列表", "Transaction List", "数组", "不定长", "必选", "array"),
    DataElement("03_001", "事务标识", "Transaction ID", "字符串", "定长", "必选", "hex", 32),
    DataElement("03_002", "事务类型", "Transaction Type", "字符串或整数", "定长", "可选", "text"),
    DataElement("03_003", "签名者", "Signer", "字符串", "定长", "可选", "text"),
    # The text says 32 bytes here and 8 for the block's time; a time in milliseconds has 8.
    DataElement("03_004", "事务时间戳", "Timestamp", "整数", "32 字节", "可选", "time", 8),
    DataElement("04_001", "发起方地址", "Sender", "字符串", "定长", "必选", "hex", 20),
    DataElement("04_002", "接收方地址", "Recipient", "字符串", "定长", "可选", "hex", 20),
    DataElement("04_003", "存储数据", "Data", "字符串", "定长", "可选", "hex", name_zh_also="附加数据"),
    DataElement("04_004", "实体数据备注", "Memo", "字符串", "不定长", "可选", "text"),
    DataElement("05_001", "合约标识", "Contract ID", "字符串", "定长", "可选", "hex", 32),
    DataElement("05_002", "合约版本号", "Contract Version", "字符串", "不定长", "可选", "text"),
    DataElement("05_003", "合约代码", "Contract Code", "字符串", "不定长", "可选", "text"),
    DataElement("05_004", "合约存储", "Contract Storage", "数组", "不定长", "可选", "array"),
    DataElement(
        "06_001", "协议版本号", "Protocol Version", "字符串", "不定长", "可选", "text", name_zh_also="共识协议版本号"
    ),
    DataElement("06_002", "软件版本号", "Software Version", "字符串", "不定长", "必选", "text"),
    DataElement("06_003", "节点标识", "Peer ID", "字符串", "不定长", "必选", "text"),
    DataElement("06_004", "节点地址", "Peer Address", "字符串", "按照 IPv4 和 IPv6 定义长度不定", "必选", "address"),
    DataElement("06_005", "节点公钥", "Peer Public Key", "字符串", "定长", "可选", "hex", 64),
)
#: Every element by its identifier, in the standard's order.
ELEMENTS: Final = MappingProxyType({element.identifier: element for element in _ALL})


def elements_of(kind: str) -> tuple[DataElement, ...]:
    """The elements of one class by its name in :data:`CLASSES`, in order; none for another name."""
    numbers = [number for number, name, _ in CLASSES if name == kind]
    return tuple(element for element in _ALL if element.identifier[:2] in numbers)
