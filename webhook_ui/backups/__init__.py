"""A backup is one SQLite file with all of the product's tables in their own form, whichever database they come from.

So it can be restored to either database, and is the way from one to the other. What only counts while processes run
(their heartbeats, and who is signed in) is left out. What else is in the database stays out of it.
"""

from webhook_ui.backups.restoring import Restored, restore
from webhook_ui.backups.writing import Written, write

__all__ = ["Restored", "Written", "restore", "write"]
