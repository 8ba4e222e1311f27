"""What outsiders read of the evidence family (数据存证): one home for rules, verifier, SDK and index.

Rules, pinned by genesis: ``payloads`` (transactions, bounds, reasons), ``items`` (one file's digest and description),
``values`` (stored values and state keys). For readers only, not pinned: ``openings`` (of commitments), ``records``
(what a transaction made, and its status), ``claims`` (the kind of claim ``evidence`` of a package). This file gathers
the pinned ones; readers are imported from where they are. Not here: namespaces, checks, reads of a whole state.
"""

from govchain.modules.evidence.messages.items import (
    COMMITTED_FIELDS,
    MEDIA_TYPE_LENGTH_MAX,
    NAME_LENGTH_MAX,
    SIZE_MAX,
    Capture,
    CaptureMethod,
    Commitment,
    CommittedField,
    Item,
    check_item,
    decode_item,
    encode_item,
    item_fault,
)
from govchain.modules.evidence.messages.payloads import (
    LEAVES_MAX,
    REASONS,
    REFERENCE_LENGTH_MAX,
    Batch,
    Put,
    Reason,
    Supersede,
    Supplement,
    Withdraw,
)
from govchain.modules.evidence.messages.values import (
    MARK_NAMESPACE,
    RECORD_NAMESPACE,
    MarkValue,
    RecordValue,
    mark_key,
    mark_keys,
    record_key,
)

__all__ = [
    "COMMITTED_FIELDS",
    "LEAVES_MAX",
    "MARK_NAMESPACE",
    "MEDIA_TYPE_LENGTH_MAX",
    "NAME_LENGTH_MAX",
    "REASONS",
    "RECORD_NAMESPACE",
    "REFERENCE_LENGTH_MAX",
    "SIZE_MAX",
    "Batch",
    "Capture",
    "CaptureMethod",
    "Commitment",
    "CommittedField",
    "Item",
    "MarkValue",
    "Put",
    "Reason",
    "RecordValue",
    "Supersede",
    "Supplement",
    "Withdraw",
    "check_item",
    "decode_item",
    "encode_item",
    "item_fault",
    "mark_key",
    "mark_keys",
    "record_key",
]
