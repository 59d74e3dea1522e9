"""Every entity that a new portal has a table for."""

from __future__ import annotations

from workbench.bitrix24.sandbox.activities import ACTIVITIES
from workbench.bitrix24.sandbox.calls import CALLS
from workbench.bitrix24.sandbox.companies import COMPANIES
from workbench.bitrix24.sandbox.contacts import CONTACTS
from workbench.bitrix24.sandbox.currencies import CURRENCIES
from workbench.bitrix24.sandbox.deals import DEALS
from workbench.bitrix24.sandbox.disk import DISK_OBJECTS, STORAGES
from workbench.bitrix24.sandbox.invoices import INVOICES
from workbench.bitrix24.sandbox.leads import LEADS
from workbench.bitrix24.sandbox.links import TABLES as LINKS
from workbench.bitrix24.sandbox.messages import MESSAGES
from workbench.bitrix24.sandbox.products import PRODUCT_ROWS, PRODUCTS
from workbench.bitrix24.sandbox.quotes import QUOTES
from workbench.bitrix24.sandbox.smart_processes import TYPES
from workbench.bitrix24.sandbox.stages import CATEGORIES, STAGE_HISTORY, STATUSES
from workbench.bitrix24.sandbox.tasks import TASKS
from workbench.bitrix24.sandbox.timeline import COMMENTS
from workbench.bitrix24.sandbox.user_fields import USER_FIELDS
from workbench.bitrix24.sandbox.users import DEPARTMENTS, USERS

ENTITIES = (
    LEADS, DEALS, CONTACTS, COMPANIES, QUOTES, INVOICES, TYPES,
    *LINKS, PRODUCTS, PRODUCT_ROWS, STAGE_HISTORY,
    CATEGORIES, STATUSES, CURRENCIES, USER_FIELDS,
    USERS, DEPARTMENTS, ACTIVITIES, COMMENTS, TASKS, CALLS, MESSAGES,
    STORAGES, DISK_OBJECTS,
)  # fmt: skip
