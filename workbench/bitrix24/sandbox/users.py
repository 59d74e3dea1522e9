"""Users, with what each may see, and the departments they work in."""

from __future__ import annotations

from workbench.bitrix24.sandbox.fields import Entity, Field

USERS = Entity(
    "users",
    (
        Field("ID", "integer"),
        Field("XML_ID"),
        Field("ACTIVE", "char", default="Y"),
        Field("NAME", empty=""),
        Field("LAST_NAME", empty=""),
        Field("SECOND_NAME", empty=""),
        Field("EMAIL", empty=""),
        Field("LAST_LOGIN", "datetime", empty=""),
        Field("DATE_REGISTER", "datetime", empty=""),
        Field("TIME_ZONE", empty=""),
        Field("IS_ONLINE", "char", default="N"),
        Field("PERSONAL_GENDER", empty=""),
        Field("PERSONAL_BIRTHDAY", "date", empty=""),
        Field("PERSONAL_PHONE", empty=""),
        Field("PERSONAL_MOBILE", empty=""),
        Field("PERSONAL_CITY", empty=""),
        Field("WORK_PHONE", empty=""),
        Field("WORK_POSITION", empty=""),
        Field("UF_EMPLOYMENT_DATE", empty=""),
        Field("UF_DEPARTMENT", "json"),
        Field("USER_TYPE", default="employee"),
        Field("IS_ADMIN", "char", default="N", hidden=True),
        Field("CRM_RIGHTS", default="all", hidden=True),
    ),
    event="USER",
)

DEPARTMENTS = Entity(
    "departments",
    (
        Field("ID", "integer"),
        Field("NAME", required=True),
        Field("SORT", "integer", default=500),
        Field("PARENT", "integer"),
        Field("UF_HEAD", "user"),
    ),
)
