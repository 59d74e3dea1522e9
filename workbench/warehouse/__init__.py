"""The local data: raw rows in the writer's file, published as immutable snapshots.

Everyone but the sync reads through these names.
"""

from workbench.warehouse.readers import Guarded, Reader
from workbench.warehouse.snapshots import Snapshot, newest_snapshot, open_snapshot

# What pages and metrics read from.
Data = Snapshot | Guarded

__all__ = ["Data", "Guarded", "Reader", "Snapshot", "newest_snapshot", "open_snapshot"]
