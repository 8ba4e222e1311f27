"""Words of the commands that keep a node alive: backups, uninstalling, looking at a node from outside."""

from __future__ import annotations

__all__ = ["PAIRS"]

#: Key to its words, Chinese and English.
PAIRS: dict[str, tuple[str, str]] = {
    "option.settings_file": (
        "节点的设置文件；默认为数据目录中的 node.toml",
        "The node's settings file; by default node.toml in the data directory",
    ),
    # Uninstalling
    "help.uninstall": (
        "列出与一个数据目录有关的一切；只有给出 --purge 才删除该目录",
        "List everything that belongs to a data directory; only --purge removes it",
    ),
    "option.uninstall_directory": ("数据目录", "The data directory"),
    "option.purge": (
        "删除数据目录中的账本和密钥，无法撤销；须写出链标识以确认",
        "Remove the ledger and the keys in it, for good; type the chain's id to confirm",
    ),
    "label.place": ("位置", "place"),
    "uninstall.kind.data": ("账本", "ledger"),
    "uninstall.kind.keys": ("密钥", "keys"),
    "uninstall.kind.records": ("提交者的记录（盐、名称）", "submitter's records (salts, names)"),
    "uninstall.kind.webhooks": ("推送登记", "webhooks"),
    "uninstall.kind.index": ("查询库", "index"),
    "uninstall.kind.settings": ("设置", "settings"),
    "uninstall.kind.other": ("其他文件，不会删除", "other files, never removed"),
    "uninstall.kind.backups": ("备份", "backups"),
    "uninstall.kind.archives": ("归档", "archives"),
    "uninstall.kind.log": ("日志", "log"),
    "uninstall.kind.trust": ("信任库", "trust store"),
    "uninstall.kind.profiles": ("配置档", "profiles"),
    "uninstall.kind.sessions": ("会话令牌", "sessions"),
    "uninstall.kind.units": ("systemd 单元", "units of systemd"),
    "uninstall.kind.program": ("程序", "program"),
    "uninstall.nothing": (
        "未作任何改动。删除数据目录：govchain uninstall {path} --purge {chain}",
        "Nothing was changed. To remove the data directory: govchain uninstall {path} --purge {chain}",
    ),
    "uninstall.purged": ("已删除 {path} 中的账本和密钥。", "The ledger and the keys in {path} are removed."),
    "uninstall.left": ("以上仍在原处，须自行删除：", "What is listed is still there, and is yours to remove:"),
    "uninstall.unread": (
        "未能读取设置，其中指明的备份、日志和数据库不在所列之内：{reason}",
        "The settings cannot be read, so that backups, log and database that they name are not listed: {reason}",
    ),
    # The doctor
    "doctor.node_options": (
        "检查节点时不能用 --config 和各项下限：请在其本机上检查",
        "with a node there is no --config and no minimum: run the doctor on its machine for these",
    ),
    "option.cpu_min": ("至少应有的处理器数", "Processors that the machine must have"),
    "option.memory_min": ("至少应有的内存（MiB）", "MiB of memory that it must have"),
    "option.disk_min": ("至少应剩余的磁盘空间（MiB）", "MiB of disk that must be free"),
    # Backups
    "help.backup": ("备份：生成、核验、恢复", "Backups: make, verify, restore"),
    "help.backup.create": (
        "备份数据目录；带 --node 时由运行中的节点备份",
        "Back up the data directory; with --node the running node does it",
    ),
    "help.backup.list": ("列出备份，最新的在前", "Backups, newest first"),
    "help.backup.verify": (
        "逐字节核对备份，并重新执行其中每个区块",
        "Compare every byte of a backup, and execute each of its blocks again",
    ),
    "help.backup.restore": (
        "把备份恢复为新的数据目录，逐区块核验",
        "Make a data directory from a backup, verified block by block",
    ),
    "option.backup_to": (
        "存放备份的文件夹；默认为设置中的 backup_dir",
        "Folder for backups; by default backup_dir of the settings",
    ),
    "option.backup_keys": (
        "同时备份加密的密钥文件；口令和未加密的密钥从不备份",
        "Encrypted key files too; passphrases and plain keys never are",
    ),
    "option.backup_path": ("备份所在的文件夹", "The backup's folder"),
    "option.backup_target": ("新数据目录的位置，须不存在或为空", "Where to make the data directory: absent or empty"),
    "option.backup_height": ("只恢复到该区块；默认为最新的", "Up to this block; by default the newest"),
    "option.backup_genesis": ("创世文件应有的指纹", "The fingerprint that its genesis must have"),
    "option.backup_quick": ("只核对文件，不执行区块", "Compare files only, without executing blocks"),
    "progress.executing": ("正在重新执行区块", "Executing blocks again"),
    "label.backup": ("备份", "backup"),
    "label.created": ("备份时间", "made"),
    "label.digest": ("清单 SM3", "SM3 of manifest"),
    "label.due": ("下次定期备份", "next by schedule"),
    "label.state": ("状态", "state"),
    "backup.kind.requested": ("按要求备份", "made on request"),
    "backup.kind.scheduled": ("定期备份", "made by schedule"),
    "backup.made": ("备份已完成。", "The backup is made."),
    "backup.verified": (
        "备份完整，每个区块重新执行的结果与所载一致。",
        "The backup is whole, and each of its blocks gives again what it says.",
    ),
    "backup.compared": (
        "备份的文件与清单一致；未执行区块。",
        "The backup's files are what its manifest says; no block was executed.",
    ),
    "backup.restored": ("已恢复至区块 {height}。", "Restored up to block {height}."),
    "backup.keys_missing": (
        "备份不含密钥：请将 node.pem 放入 {path}，再启动节点。",
        "There are no keys in the backup: put node.pem into {path} before you start the node.",
    ),
    "backup.older": (
        "此后的区块不在其中；见过它们的人会发现链变短了。请勿让新旧两个节点同时运行。",
        "Later blocks are not in it, and who has seen them will notice. Never run the old node and this one at once.",
    ),
    "backup.none": ("没有备份。", "There are no backups."),
    "backup.running": ("正在备份。", "A backup is being made."),
    "backup.no_folder": (
        "请用 --to 给出存放备份的文件夹，或在设置中给出 backup_dir",
        "name a folder for backups with --to, or backup_dir in the settings",
    ),
    "backup.node_options": (
        "由节点备份时不能用文件夹、--to、--with-keys 和 --config：文件夹由节点的设置给出，密钥须在本机备份",
        "with a node no DIR, --to, --with-keys or --config: its settings name the folder; keys are copied there",
    ),
}
