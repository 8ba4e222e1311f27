"""Result codes: one number for each reason, ordered by precedence, never renumbered.

Hundreds name the family: 0 success; 100 decoding; 200 signer and replay; 300 permission; 400 pool and node (never in a
receipt); 500 contracts; 600 packages, trust and storage on the reader's side (never in a receipt); from 1000 a thousand
for each family of rules. Where several reasons hold, the lowest number is the answer. Gaps of ten leave room.

Each code's sentence in Chinese and English is in :mod:`govchain.texts`; ``docs/spec/result-codes.md`` prints them all.
"""

from __future__ import annotations

from enum import IntEnum, unique

__all__ = ["Code", "is_receipt_code"]


@unique
class Code(IntEnum):
    """Why something was accepted or refused."""

    OK = 0

    # 100 decoding: bytes that are not what the format says
    ENVELOPE_MALFORMED = 100
    ENVELOPE_VERSION = 110
    ENVELOPE_SIGNATURES = 115
    BODY_TOO_LARGE = 120
    JSON_NOT_UTF8 = 125
    JSON_BOM = 126
    JSON_SYNTAX = 130
    JSON_NOT_OBJECT = 131
    JSON_TRAILING = 132
    JSON_DEPTH = 135
    JSON_DUPLICATE_KEY = 140
    JSON_NUMBER_FRACTION = 145
    JSON_INTEGER_RANGE = 146
    JSON_LONE_SURROGATE = 147
    JSON_NOT_CANONICAL = 148
    BODY_SHAPE = 150
    TYPE_UNKNOWN = 160
    TYPE_VERSION = 165
    PAYLOAD_SHAPE = 170

    # 200 signer and replay
    CHAIN_WRONG = 200
    ALGORITHM_NOT_ALLOWED = 205
    KEY_MALFORMED = 210
    KEY_NOT_ON_CURVE = 211
    SIGNER_REPEATED = 215
    SIGNER_UNKNOWN = 220
    SIGNER_KEY_MISMATCH = 225
    SIGNATURE_LENGTH = 230
    SIGNATURE_RANGE = 231
    SIGNATURE_DER = 232
    SIGNATURE_INVALID = 235
    EXPIRED = 240
    EXPIRES_TOO_FAR = 245
    REPLAYED = 250
    SIGNER_FROZEN = 260

    # 300 permission
    ROLE_MISSING = 300
    ADMINISTRATOR_REQUIRED = 310
    ORGANISATION_MISMATCH = 320
    RECIPIENT_UNKNOWN = 330
    SIGNERS_TOO_MANY = 340
    RULE_FAILED = 390

    # 400 pool and node: never in a receipt
    POOL_FULL = 400
    POOL_DUPLICATE = 410
    WINDOW_FULL = 420
    BATCH_MEMBER_BAD = 430
    PROTOCOL_UNKNOWN = 431
    ROUTE_UNKNOWN = 432
    METHOD_NOT_ALLOWED = 433
    RATE_LIMITED = 434
    SESSION_REQUIRED = 435
    SESSION_INVALID = 436
    CHALLENGE_INVALID = 437
    REQUEST_TOO_LARGE = 438
    CONTENT_TYPE = 439
    NODE_STOPPING = 440
    NOT_ACCEPTABLE = 441
    REQUEST_SHAPE = 442
    CURSOR_INVALID = 443
    SERVICE_OFF = 444
    STREAMS_TOO_MANY = 445
    WEBHOOK_TARGET = 446
    WEBHOOKS_TOO_MANY = 447
    REQUEST_SLOW = 448
    TIME_LIMIT = 449
    NODE_CLOCK = 450
    RESOURCE_FILES = 451
    RESOURCE_MEMORY = 452
    RESOURCE_DISK = 453
    CLOCK_DRIFT = 454
    LISTEN_FAILED = 455
    TLS_UNUSABLE = 456
    DISK_FULL = 460
    BACKUP_RUNNING = 461
    MACHINE_TOO_SMALL = 462
    DATA_DIRECTORY_LOCKED = 470
    DATA_DIRECTORY_READ_ONLY = 471
    DATA_DIRECTORY_INCOMPLETE = 472
    DATA_DIRECTORY_NEWER = 473
    DATA_DIRECTORY_EXISTS = 474
    DATA_DIRECTORY_MISSING = 475
    DATA_DIRECTORY_OLDER = 476
    MODULE_MISSING = 480
    ENGINE_UNREACHABLE = 482
    ENGINE_FULL = 483
    ENGINE_ALTERED = 484
    BLOCK_INVALID = 485
    NODE_DIVERGED = 486
    ENGINE_MISMATCH = 487
    ENGINE_MISSING = 488
    ENGINE_FAILED = 489
    STORE_CORRUPT = 490
    INDEX_UNAVAILABLE = 491
    INDEX_FOREIGN = 492
    INDEX_DIFFERS = 493
    TIMED_OUT = 495
    NODE_UNREACHABLE = 497
    ANSWER_UNUSABLE = 498

    # 600 what a reader meets: packages, trust, files, keys
    PACKAGE_CONTAINER = 600
    PAPER_CONTAINER = 601
    PACKAGE_MANIFEST = 605
    CLAIM_KIND_UNKNOWN = 607
    PACKAGE_MEMBER = 610
    GENESIS_INVALID = 615
    CONFIGURATION_INVALID = 616
    MEMBER_RECORD_INVALID = 618
    HEADER_INVALID = 620
    CERTIFICATE_INVALID = 625
    CERTIFICATE_QUORUM = 626
    EQUIVOCATION_INVALID = 627
    HISTORY_INVALID = 630
    HEAD_FORKED = 631
    HEAD_STALE = 632
    TRANSACTION_PROOF = 635
    RECEIPT_PROOF = 636
    MEMBER_PROOF = 640
    ITEM_INVALID = 641
    OPENING_INVALID = 642
    STATUS_PROOF = 645
    STATEMENT_ALTERED = 650
    PAPER_ALTERED = 651
    PAPER_SUBJECT = 652
    PAPER_FONT = 653
    ORIGINAL_DIFFERS = 655
    TRUST_MISMATCH = 660
    NOT_FOUND = 665
    FILE_UNREADABLE = 670
    FILE_CHANGED = 671
    FILE_KIND = 672
    FILE_NAME_ENCODING = 673
    FILE_TOO_LARGE = 674
    FILE_UNWRITABLE = 675
    KEY_FILE_INVALID = 680
    KEY_FILE_PASSPHRASE = 681
    KEY_FILE_PERMISSIONS = 682
    KEY_URI = 683
    KEY_FILE_EXISTS = 684
    CIPHERTEXT_INVALID = 685
    PASSPHRASE_UNUSABLE = 686
    WEBHOOK_SIGNATURE = 687
    USAGE = 690
    BACKUP_INCOMPLETE = 691
    BACKUP_ALTERED = 692
    BACKUP_MANIFEST = 693
    BACKUP_NEWER = 694
    BACKUP_FOREIGN = 695
    BACKUP_LINK = 696
    BACKUP_DIFFERS = 697
    INTERNAL = 699

    # 1000 accounts
    ACCOUNT_EXISTS = 1000
    ACCOUNT_UNKNOWN = 1010
    ACCOUNT_STATUS = 1020
    ACCOUNT_SELF = 1030
    ORGANISATION_UNKNOWN = 1050
    ACCOUNT_ROLES = 1060
    ACCOUNT_LABEL = 1070

    # 2000 evidence
    EVIDENCE_ITEM = 2000
    EVIDENCE_BATCH = 2010
    EVIDENCE_UNKNOWN = 2020
    EVIDENCE_MEMBER = 2030
    EVIDENCE_NOT_OWNER = 2040
    EVIDENCE_WITHDRAWN = 2050
    EVIDENCE_SUPERSEDED = 2060
    EVIDENCE_CAPTURE_TIME = 2070


def is_receipt_code(code: int) -> bool:
    """Whether a receipt may carry this code (0, permission, contracts, families; never pool or reader codes)."""
    return code == Code.OK or 300 <= code < 400 or 500 <= code < 600 or code >= 1000 or code in _RECEIPT_EXTRA


#: Reasons below 300 that a rule or an earlier transaction of the same block can decide, and that therefore appear in
#: receipts: a registered key, for one, meets the key codes.
_RECEIPT_EXTRA = frozenset(
    {
        Code.TYPE_UNKNOWN,
        Code.TYPE_VERSION,
        Code.PAYLOAD_SHAPE,
        Code.ALGORITHM_NOT_ALLOWED,
        Code.KEY_MALFORMED,
        Code.KEY_NOT_ON_CURVE,
        Code.SIGNER_UNKNOWN,
        Code.SIGNER_KEY_MISMATCH,
        Code.SIGNER_FROZEN,
    }
)
