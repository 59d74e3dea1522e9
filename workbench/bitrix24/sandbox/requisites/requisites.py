"""Company details of contacts and companies: requisites, their bank details, addresses, links.

Source: api-reference/crm/requisites.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.bitrix24.sandbox.memory.fields import Entity, Field, Row
from workbench.i18n import _

if TYPE_CHECKING:
    from workbench.bitrix24.sandbox.memory.state import State

TYPE_ID = 8  # entityTypeId of a requisite
COUNTRIES = (
    (1, "RU", "Russia"), (4, "BY", "Belarus"), (6, "KZ", "Kazakhstan"), (14, "UA", "Ukraine"),
    (34, "BR", "Brazil"), (46, "DE", "Germany"), (77, "CO", "Colombia"), (110, "PL", "Poland"),
    (122, "US", "United States"), (132, "FR", "France"),
)  # fmt: skip
FRANCE = 132

_DETAILS = (
    "NAME", "FIRST_NAME", "LAST_NAME", "SECOND_NAME", "COMPANY_ID", "COMPANY_NAME",
    "COMPANY_FULL_NAME", "COMPANY_REG_DATE", "DIRECTOR", "ACCOUNTANT", "CEO_NAME",
    "CEO_WORK_POS", "CONTACT", "EMAIL", "PHONE", "FAX", "IDENT_TYPE", "IDENT_DOC",
    "IDENT_DOC_SER", "IDENT_DOC_NUM", "IDENT_DOC_PERS_NUM", "IDENT_DOC_DATE",
    "IDENT_DOC_ISSUED_BY", "IDENT_DOC_DEP_CODE", "INN", "KPP", "USRLE", "IFNS", "OGRN",
    "OGRNIP", "OKPO", "OKTMO", "OKVED", "EDRPOU", "DRFO", "KBE", "IIN", "BIN", "ST_CERT_SER",
    "ST_CERT_NUM", "ST_CERT_DATE", "VAT_PAYER", "VAT_ID", "VAT_CERT_SER", "VAT_CERT_NUM",
    "VAT_CERT_DATE", "RESIDENCE_COUNTRY", "BASE_DOC", "REGON", "KRS", "PESEL", "LEGAL_FORM",
    "SIRET", "SIREN", "CAPITAL", "RCS", "CNPJ", "STATE_REG", "MNPL_REG", "CPF",
)  # fmt: skip
_TYPES = {"IDENT_TYPE": "crm_status", "VAT_PAYER": "char"}
DETAILS = tuple(Field(f"RQ_{name}", _TYPES.get(name, "string")) for name in _DETAILS)
BANK_DETAILS_OF = (
    "BANK_NAME", "BANK_ADDR", "BANK_CODE", "AGENCY_NAME", "BANK_ROUTE_NUM", "BIK", "MFO",
    "ACC_NAME", "ACC_NUM", "ACC_TYPE", "IIK", "ACC_CURRENCY", "COR_ACC_NUM", "IBAN", "SWIFT",
    "BIC", "CODEB", "CODEG", "RIB",
)  # fmt: skip

_STAMPS = (
    Field("DATE_CREATE", "datetime", readonly=True),
    Field("DATE_MODIFY", "datetime", readonly=True, empty=""),
    Field("CREATED_BY_ID", "user", readonly=True),
    Field("MODIFY_BY_ID", "user", readonly=True),
)
_CODES = (Field("CODE"), Field("XML_ID"), Field("ORIGINATOR_ID"))

REQUISITES = Entity(
    "requisites",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_TYPE_ID", "integer", required=True, immutable=True),
        Field("ENTITY_ID", "integer", required=True, immutable=True),
        Field("PRESET_ID", "integer", required=True, immutable=True),
        *_STAMPS,
        Field("NAME"),
        *_CODES,
        Field("ACTIVE", "char", default="Y"),
        Field("ADDRESS_ONLY", "char", default="N"),
        Field("SORT", "integer", default=500),
        *DETAILS,
    ),
    uf_entity="CRM_REQUISITE",
    event="REQUISITE",
    indexes=(("ENTITY_ID", "ENTITY_TYPE_ID"),),
)

BANK_DETAILS = Entity(
    "bank_details",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_ID", "integer", required=True, immutable=True, index=True),
        Field("COUNTRY_ID", "integer"),
        *_STAMPS,
        Field("NAME"),
        *_CODES,
        Field("ACTIVE", "char", default="Y"),
        Field("SORT", "integer", default=500),
        *(Field(f"RQ_{name}") for name in BANK_DETAILS_OF),
        Field("COMMENTS"),
    ),
    event="BANKDETAIL",
)

PRESETS = Entity(
    "requisite_presets",
    (
        Field("ID", "integer", readonly=True),
        Field("ENTITY_TYPE_ID", "integer", required=True, immutable=True),
        Field("COUNTRY_ID", "integer", required=True, immutable=True),
        Field("NAME", required=True),
        *_STAMPS,
        Field("ACTIVE", "char", default="Y"),
        Field("SORT", "integer", default=500),
        Field("XML_ID"),
        Field("FIELDS", "json", hidden=True),
    ),
)

LINKS = Entity(
    "requisite_links",
    (
        Field("RECORD", "integer", readonly=True, hidden=True),
        Field("ENTITY_TYPE_ID", "integer", required=True, immutable=True),
        Field("ENTITY_ID", "integer", required=True, immutable=True),
        *(
            Field(name, "integer", required=True)
            for name in ("REQUISITE_ID", "BANK_DETAIL_ID", "MC_REQUISITE_ID", "MC_BANK_DETAIL_ID")
        ),
    ),
    key="RECORD",
    indexes=(("ENTITY_ID", "ENTITY_TYPE_ID"),),
)

ADDRESSES = Entity(
    "addresses",
    (
        Field("RECORD", "integer", readonly=True, hidden=True),
        *(
            Field(name, "integer", required=True, immutable=True)
            for name in ("TYPE_ID", "ENTITY_TYPE_ID", "ENTITY_ID")
        ),
        *(
            Field(name)
            for name in (
                "ADDRESS_1", "ADDRESS_2", "CITY", "POSTAL_CODE", "REGION", "PROVINCE", "COUNTRY",
                "COUNTRY_CODE",
            )
        ),
        Field("LOC_ADDR_ID", "integer"),
        Field("ANCHOR_TYPE_ID", "integer", readonly=True),
        Field("ANCHOR_ID", "integer", readonly=True),
    ),
    key="RECORD",
    indexes=(("ENTITY_ID", "ENTITY_TYPE_ID"),),
)  # fmt: skip

TABLES = (REQUISITES, BANK_DETAILS, PRESETS, LINKS, ADDRESSES)


def presets(state: State) -> list[Row]:
    """The templates of requisites; a new portal has three."""
    rows = state.find("requisite_presets", order=[("SORT", "ASC")])
    if rows:
        return rows
    company = ("RQ_COMPANY_NAME", "RQ_COMPANY_FULL_NAME", "RQ_SIRET", "RQ_SIREN", "RQ_VAT_ID")
    person = ("RQ_FIRST_NAME", "RQ_LAST_NAME", "RQ_EMAIL", "RQ_PHONE")
    now = state.timestamp()
    for place, (name, names) in enumerate(
        (
            (_("Organization"), company),
            (_("Sole proprietor"), (*person, "RQ_SIRET")),
            (_("Person"), person),
        )
    ):
        state.add(
            "requisite_presets",
            {
                "ENTITY_TYPE_ID": TYPE_ID,
                "COUNTRY_ID": FRANCE,
                "NAME": name,
                "DATE_CREATE": now,
                "CREATED_BY_ID": 1,
                "ACTIVE": "Y",
                "SORT": 500 + 10 * place,
                "FIELDS": [
                    {"ID": n + 1, "FIELD_NAME": field, "FIELD_TITLE": "", "IN_SHORT_LIST": "N",
                     "SORT": 510 + 10 * n}
                    for n, field in enumerate(names)
                ],
            },
        )  # fmt: skip
    return state.find("requisite_presets", order=[("SORT", "ASC")])


def forget(state: State, entity: Entity, record: int) -> list[tuple[str, int]]:
    """Delete what hangs on a record silently; returns the requisites and bank details to delete."""
    if entity.name == "requisites":
        state.delete_where("addresses", {"ENTITY_TYPE_ID": TYPE_ID, "ENTITY_ID": record})
        state.delete_where("requisite_links", {"REQUISITE_ID": record})
        return [
            ("bank_details", row["ID"]) for row in state.find("bank_details", {"ENTITY_ID": record})
        ]
    if not entity.type_id:
        return []
    mine = {"ENTITY_TYPE_ID": entity.type_id, "ENTITY_ID": record}
    state.delete_where("requisite_links", mine)
    if entity.name not in ("leads", "contacts", "companies"):
        return []
    state.delete_where("addresses", mine)
    return [("requisites", row["ID"]) for row in state.find("requisites", mine)]
