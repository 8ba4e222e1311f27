"""Words of ``govchain archive``."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its words, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "help.archive": ("归档：生成、核验、挂载、裁剪", "Archives of old blocks: make, verify, mount, prune"),
    "help.archive.create": (
        "将尚未归档的区块写入可独立核验的文件",
        "Write the blocks that no archive holds yet into files that verify on their own",
    ),
    "help.archive.list": ("列出归档及其区块范围和摘要", "Archives with their blocks and digests"),
    "help.archive.verify": (
        "离线核验归档的每个字节和区块，及其是否属于受信任的链",
        "Check every byte and block of archives offline, and whether they are a trusted chain's",
    ),
    "help.archive.mount": (
        "核验归档后挂载，使已裁剪的区块重新可查",
        "Verify archives, then read pruned blocks from them again",
    ),
    "help.archive.unmount": ("不再从这些归档读取", "Read from these archives no more"),
    "help.archive.prune": (
        "从数据目录移除已归档的旧区块内容；节点须已停止",
        "Remove the contents of old blocks that archives hold; the node must not run",
    ),
    "option.archive_to": (
        "存放归档的文件夹；默认为设置中的 archive_to",
        "Folder for archives; by default archive_to of the settings",
    ),
    "option.archive_height": ("归档至该区块；默认为最新的", "Up to this block; by default the newest"),
    "option.archive_blocks": ("每个文件最多的区块数", "Blocks of one file, at most"),
    "option.archive_places": ("归档文件或文件夹", "Archive files or folders"),
    "option.archive_genesis": ("归档应有的创世指纹", "The fingerprint of genesis that they must have"),
    "option.archive_trust": (
        "受信任的创世文件或已认证的区块头文件",
        "A genesis or certified header file that is trusted",
    ),
    "option.archive_keep": ("保留完整内容的最新区块数", "Newest blocks that stay whole"),
    "option.backup_archive": (
        "备份前已裁剪区块的归档；可多次给出",
        "Archives of blocks that were pruned before the backup; may be given several times",
    ),
    "progress.archiving": ("正在归档区块", "Archiving blocks"),
    "progress.verifying_blocks": ("正在核验区块", "Verifying blocks"),
    "label.archive": ("归档", "archive"),
    "label.first": ("起始区块", "first block"),
    "label.last": ("末尾区块", "last block"),
    "label.trusted_by": ("信任依据", "trusted by"),
    "label.pruned": ("已裁剪至", "pruned up to"),
    "label.limit": ("可裁剪至", "limit"),
    "label.limit_by": ("受限于", "limited by"),
    "archive.made": ("已归档，新文件 {count} 个。", "Archived; new files: {count}."),
    "archive.nothing_new": ("没有尚未归档的区块。", "No block is left to be archived."),
    "archive.none": ("没有归档。", "There are no archives."),
    "archive.is_mounted": ("已挂载", "mounted"),
    "archive.mounted_elsewhere": ("另有挂载的归档：", "Mounted from elsewhere:"),
    "archive.verified": (
        "归档完整，每个区块均与其摘要、链接和证书一致，且属于受信任的链。",
        "The archives are whole, every block is what its digests, links and certificates say; the chain is trusted.",
    ),
    "archive.untrusted": (
        "归档自洽，但没有受信任的创世或区块头为其担保：请用 --trust 给出，或同时核验更早的归档。",
        (
            "The archives agree with themselves, but no trusted genesis or header vouches for them: give one with "
            "--trust, or verify the earlier archives with them."
        ),
    ),
    "archive.mounted": ("已核验并挂载 {count} 个归档文件。", "Verified and mounted; files: {count}."),
    "archive.unmounted": ("已卸载 {count} 个归档文件。", "Unmounted; files: {count}."),
    "archive.pruned": (
        "已裁剪区块 {first} 至 {last} 的内容；区块头和状态仍在。",
        "The contents of blocks {first} to {last} are removed; headers and state stay.",
    ),
    "archive.nothing_pruned": ("没有可裁剪的区块。", "There is nothing to prune."),
    "archive.mount_hint": (
        "如需再查这些区块：govchain archive mount {path}",
        "To read these blocks again: govchain archive mount {path}",
    ),
    "archive.no_folder": (
        "请用 --to 给出存放归档的文件夹，或在设置中给出 archive_to",
        "name a folder for archives with --to, or archive_to in the settings",
    ),
    "floor.retain": ("须保留的最新区块", "the blocks that are kept"),
    "floor.replay": ("防重放窗口", "the replay window"),
    "floor.certificates": ("尚无证书的区块", "a block without a certificate"),
    "floor.snapshot": ("最新的快照", "the newest snapshot"),
    "floor.index": ("查询库的进度", "the index"),
    "floor.peers": ("落后的其他节点", "other nodes that are behind"),
}
