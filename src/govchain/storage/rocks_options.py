"""How each table is kept in RocksDB: the tuning, and why.

Purpose: one place for every option. Rules: memory is bounded by one parameter (block cache plus memtables; index and
filter blocks live in the cache); every block has a checksum that is verified on each read; the write-ahead log is never
off. Not here: reading and writing (``rocks``).

* Tables with random keys that are looked up one by one (``state``, ``live``, ``transactions``) have Bloom filters, so
  that asking for an absent key reads nothing, and universal compaction, which rewrites a key less often than levels.
  ``key_history`` has random keys, too, but is read by ranges only, so a filter would help nobody.
* Tables with ascending keys (headers, bodies, receipts, certificates, ids, history) never overlap between files, so
  level compaction moves files down without rewriting them; this needs the same compression at every level.
* Hashes and ids do not compress; bodies, receipts and headers are JSON with hexadecimal, and do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rocksdict import (
    BlockBasedIndexType,
    BlockBasedOptions,
    Cache,
    ChecksumType,
    DBCompactionStyle,
    DBCompressionType,
    DBRecoveryMode,
    Options,
    UniversalCompactOptions,
    WriteBufferManager,
)

from govchain.state import Table

__all__ = ["MEMORY_BYTES", "MEMORY_BYTES_MIN", "RocksOptions", "make_options"]

#: Bytes of block cache and memtables together, where nothing else is said.
MEMORY_BYTES: Final = 128 * 1024 * 1024
#: The least that works.
MEMORY_BYTES_MIN: Final = 8 * 1024 * 1024

_TEMPLATE = Path(__file__).parent / "rocks_template"
_MIB = 1024 * 1024
#: Of the memory, sixteenths for memtables; the rest is block cache.
_MEMTABLE_SIXTEENTHS = 10
#: Bits of Bloom filter per key: one look-up of an absent key in a hundred reads a block for nothing.
_BLOOM_BITS = 10
#: Of Zstandard: level 1 takes half the time of the default, for a few per cent more bytes.
_ZSTD_LEVEL = 1


@dataclass(frozen=True, slots=True)
class _Kind:
    """How one table is kept. ``share``: its memtable as a part of the memtables' memory, in 64ths."""

    share: int
    random: bool = False
    bloom: bool = False
    compression: str = "none"
    block_bytes: int = 16 * 1024


_KINDS: Final[dict[Table, _Kind]] = {
    Table.STATE: _Kind(24, random=True, bloom=True, compression="lz4", block_bytes=8 * 1024),
    Table.LIVE: _Kind(6, random=True, bloom=True, block_bytes=8 * 1024),
    Table.HEADERS: _Kind(1, compression="zstd"),
    Table.BODIES: _Kind(8, compression="zstd", block_bytes=64 * 1024),
    Table.RECEIPTS: _Kind(4, compression="zstd", block_bytes=64 * 1024),
    Table.CERTIFICATES: _Kind(1, compression="zstd"),
    Table.TRANSACTIONS: _Kind(6, random=True, bloom=True, block_bytes=8 * 1024),
    Table.IDS: _Kind(2),
    Table.HISTORY: _Kind(1, bloom=True),
    Table.META: _Kind(1),
    Table.KEY_HISTORY: _Kind(6, random=True, block_bytes=8 * 1024),
}


@dataclass(frozen=True, slots=True)
class RocksOptions:
    """Options of the database and of each column family, with the shared cache that must outlive it."""

    database: Options
    tables: dict[str, Options]
    cache: Cache


def make_options(memory_bytes: int, *, read_only: bool) -> RocksOptions:
    """The options for a store that may use ``memory_bytes`` of cache and memtables."""
    memory = max(memory_bytes, MEMORY_BYTES_MIN)
    memtables = memory * _MEMTABLE_SIXTEENTHS // 16
    cache = Cache(memory - memtables)
    tables = {table.name.lower(): _table_options(kind, memtables, cache) for table, kind in _KINDS.items()}
    return RocksOptions(_database_options(memtables, read_only=read_only), tables, cache)


def _database_options(memtables: int, *, read_only: bool) -> Options:
    # The binding has no setter for `track_and_verify_wals_in_manifest`, by which RocksDB notices a log file that is
    # missing or shorter than when it was synchronised; an options file does it. Readers need it as well: RocksDB 10
    # crashes when a manifest that lists logs is opened for reading without it.
    options = Options.load_latest(str(_TEMPLATE))[0]
    options.create_if_missing(not read_only)
    options.create_missing_column_families(not read_only)
    options.set_paranoid_checks(True)
    # Recovery stops at the first record that is unfinished or damaged, so what is restored is always a prefix. (To
    # tolerate damage at the end of each log would skip records in the middle, between two logs.) Whether the prefix
    # holds all that was durable, the driver's witness tells.
    options.set_wal_recovery_mode(DBRecoveryMode.point_in_time())
    options.set_write_buffer_manager(WriteBufferManager(memtables, False))
    # The log is as long as what the memtables hold; a restart reads it again.
    options.set_max_total_wal_size(memtables * 2)
    options.set_max_background_jobs(2)
    # A reader of a store in use opens every file at once: the writer may unlink them, open ones stay readable.
    options.set_max_open_files(-1 if read_only else 512)
    options.set_bytes_per_sync(_MIB)
    options.set_manifest_preallocation_size(64 * 1024)
    options.set_skip_stats_update_on_db_open(True)
    options.set_max_log_file_size(_MIB)
    options.set_keep_log_file_num(2)
    options.set_stats_dump_period_sec(0)
    options.set_stats_persist_period_sec(0)
    options.set_write_buffer_size(64 * 1024)  # the default column family, which stays empty
    return options


def _table_options(kind: _Kind, memtables: int, cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.set_write_buffer_size(max(memtables * kind.share // 64, 64 * 1024))
    options.set_max_write_buffer_number(3)
    options.set_compression_type(_compression(kind.compression))
    if kind.compression == "zstd":
        options.set_compression_options(-14, _ZSTD_LEVEL, 0, 0)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_block_size(kind.block_bytes)
    blocks.set_format_version(5)
    blocks.set_checksum_type(ChecksumType.xxh3())
    blocks.set_cache_index_and_filter_blocks(True)
    blocks.set_pin_l0_filter_and_index_blocks_in_cache(True)
    # Index and filter in pieces: the cache is cut into shards, and the filter of a large file, in one piece, would fit
    # into none of them and be read from the disk again for every look-up.
    blocks.set_index_type(BlockBasedIndexType.two_level_index_search())
    blocks.set_pin_top_level_index_and_filter(True)
    if kind.bloom:
        blocks.set_bloom_filter(_BLOOM_BITS, False)
        blocks.set_partition_filters(True)
    options.set_block_based_table_factory(blocks)
    if kind.random:
        options.set_compaction_style(DBCompactionStyle.universal())
        options.set_level_zero_file_num_compaction_trigger(12)
        options.set_level_zero_slowdown_writes_trigger(32)
        options.set_level_zero_stop_writes_trigger(48)
        universal = UniversalCompactOptions()
        universal.max_size_amplification_percent = 300
        universal.size_ratio = 20
        universal.min_merge_width = 8
        options.set_universal_compaction_options(universal)
    else:
        options.set_max_bytes_for_level_base(256 * _MIB)
        options.set_target_file_size_base(64 * _MIB)
    return options


def _compression(name: str) -> Any:
    return getattr(DBCompressionType, name)()
