"""Items that hang on deals, as crm.item.list gives them: invoices and building sites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from workbench.bitrix24.sandbox.seed.clock import Clock, unix
from workbench.bitrix24.sandbox.seed.deals import Demand
from workbench.bitrix24.sandbox.seed.history import Events
from workbench.bitrix24.sandbox.seed.people import Customers


@dataclass(frozen=True)
class Items:
    """Items in order of creation; ``deal`` is the place of the deal in its chunk."""

    deal: NDArray[np.int64]
    created: NDArray[np.int64]
    stage: NDArray[np.int64]
    moved: NDArray[np.int64]
    happened: Events

    def columns(
        self, these: Demand, them: Customers, first_deal: int, first_id: int, clock: Clock
    ) -> dict[str, Any]:
        """What the rows of all such items have: numbers, people, moments, customer and deal."""
        company = these.company[self.deal]
        owner = these.owner[self.deal].tolist()
        moved = unix(self.moved, clock.timezone).tolist()
        return {
            "ID": list(range(first_id, first_id + len(self.deal))),
            "CREATED_BY": owner,
            "UPDATED_BY": owner,
            "MOVED_BY": owner,
            "CREATED_TIME": unix(self.created, clock.timezone).tolist(),
            "UPDATED_TIME": moved,
            "MOVED_TIME": moved,
            "OPENED": "Y",
            "COMPANY_ID": them.identifier(company).tolist(),
            "CONTACT_ID": them.first_contact[company].tolist(),
            "ASSIGNED_BY_ID": owner,
            "PARENT_ID_2": (self.deal + first_deal).tolist(),
            "LAST_ACTIVITY_BY": owner,
            "LAST_ACTIVITY_TIME": moved,
        }
