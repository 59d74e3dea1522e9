"""Products of the catalogue and the product rows of deals, leads, quotes and items."""

from __future__ import annotations

from workbench.bitrix24.sandbox.crm.records import old_methods
from workbench.bitrix24.sandbox.memory.fields import Entity, Field
from workbench.bitrix24.sandbox.people import rights

#: What only the catalogue's methods tell of a product.
STOCK = tuple(
    Field(name, kind, default=default, hidden=True)
    for name, kind, default in (
        ("TYPE", "integer", 1),
        ("AVAILABLE", "char", "Y"),
        ("BUNDLE", "char", "N"),
        ("CAN_BUY_ZERO", "char", "Y"),
        ("SUBSCRIBE", "char", "Y"),
        ("QUANTITY", "double", None),
        ("QUANTITY_RESERVED", "double", None),
        ("QUANTITY_TRACE", "char", "N"),
        ("PURCHASING_PRICE", "double", None),
        ("PURCHASING_CURRENCY", "string", None),
        ("PREVIEW_TEXT", "string", None),
        ("PREVIEW_TEXT_TYPE", "string", "text"),
        ("DATE_ACTIVE_FROM", "datetime", None),
        ("DATE_ACTIVE_TO", "datetime", None),
        ("WEIGHT", "double", None),
        ("WIDTH", "double", None),
        ("LENGTH", "double", None),
        ("HEIGHT", "double", None),
        ("BARCODE_MULTI", "char", "N"),
        ("NEGATIVE_AMOUNT_TRACE", "char", "N"),
        ("PRICE_TYPE", "string", "S"),
        ("RECUR_SCHEME_LENGTH", "integer", None),
        ("RECUR_SCHEME_TYPE", "string", "D"),
        ("TRIAL_PRICE_ID", "integer", None),
        ("WITHOUT_ORDER", "char", "N"),
    )
)

PRODUCTS = Entity(
    "products",
    (
        Field("ID", "integer", readonly=True),
        Field("NAME", required=True),
        Field("CODE"),
        Field("ACTIVE", "char", default="Y"),
        Field("SORT", "integer", default=500),
        Field("XML_ID"),
        Field("TIMESTAMP_X", "datetime", readonly=True),
        Field("DATE_CREATE", "datetime", readonly=True),
        Field("MODIFIED_BY", "user", readonly=True),
        Field("CREATED_BY", "user", readonly=True),
        Field("CATALOG_ID", "integer", default=24),
        Field("SECTION_ID", "integer"),
        Field("DESCRIPTION"),
        Field("DESCRIPTION_TYPE", default="text"),
        Field("PRICE", "money"),
        Field("CURRENCY_ID", "crm_currency"),
        Field("VAT_ID", "integer"),
        Field("VAT_INCLUDED", "char", default="N"),
        Field("MEASURE", "integer"),
        *STOCK,
    ),
    event="PRODUCT",
    modified="TIMESTAMP_X",
    created_by="CREATED_BY",
    modified_by="MODIFIED_BY",
)

old_methods(PRODUCTS, "crm.product", of_settings=True, viewed=rights.sees_catalogue)

#: Units of measure of a new portal: id → (code, symbol).
MEASURES = {1: (6, "m"), 2: (112, "l"), 3: (163, "g"), 4: (166, "kg"), 5: (796, "pcs")}

PRODUCT_ROWS = Entity(
    "product_rows",
    (
        Field("ID", "integer", readonly=True),
        Field("OWNER_ID", "integer", required=True, immutable=True),
        Field("OWNER_TYPE", required=True, immutable=True),
        Field("PRODUCT_ID", "integer"),
        Field("PRODUCT_NAME"),
        Field("PRICE", "double"),
        Field("PRICE_EXCLUSIVE", "double", readonly=True),
        Field("PRICE_NETTO", "double", readonly=True),
        Field("PRICE_BRUTTO", "double", readonly=True),
        Field("QUANTITY", "double", default=1.0),
        Field("DISCOUNT_TYPE_ID", "integer", default=2),
        Field("DISCOUNT_RATE", "double", default=0.0),
        Field("DISCOUNT_SUM", "double", default=0.0),
        Field("TAX_RATE", "double"),
        Field("TAX_INCLUDED", "char", default="N"),
        Field("CUSTOMIZED", "char", default="Y"),
        Field("MEASURE_CODE", "integer", default=796),
        Field("MEASURE_NAME", default="pcs"),
        Field("SORT", "integer", default=10),
        Field("XML_ID"),
        Field("TYPE", "integer", readonly=True, default=1),
        Field("STORE_ID", "integer", readonly=True),
    ),
    indexes=(("OWNER_ID", "OWNER_TYPE"),),
)
