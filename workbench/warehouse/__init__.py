"""The local data: raw rows in the writer's file, published as immutable snapshots.

Everyone but the sync reads through these names.
"""

from workbench.warehouse.snapshots import Snapshot, newest_snapshot, open_snapshot

__all__ = ["Snapshot", "newest_snapshot", "open_snapshot"]
