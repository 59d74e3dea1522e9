"""Where our answers differ in shape from Bitrix24's own, and why they may.

``EXCEPTIONS``: (method and place in the list of examples) or a captured file → path → reason; the
path "" is for a call that is refused.
``NOT_ANSWERED``: captured files of methods that the sandbox does not have.
"""

RECENT = "a captured answer of 2024 has none: it comes only where a warehouse is set"
UNDECIDED = "the examples contradict each other on an empty value here (null for quotes)"
PRODUCT = "our row's product has no description; the example's has an empty one"
OLDER = "captured in 2022 and 2023 as text; the documentation's sample of August 2024 has numbers"

OWN = "properties and types that the example's portal has made for itself"
PROPERTIES = {
    ("catalog.product.add", 93): ".result.element",
    ("catalog.product.getfieldsbyfilter", 95): ".result.product",
    ("catalog.product.get", 96): ".result.product",
    ("catalog.product.list", 97): ".result.products[]",
    ("catalog.product.update", 116): ".result.element",
}

EXCEPTIONS: dict[tuple[str, int] | str, dict[str, str]] = {
    ("crm.item.productrow.get", 354): {".result.productRow.storeId": RECENT},
    ("crm.item.productrow.list", 355): {".result.productRows[].storeId": RECENT},
    ("crm.lead.productrows.get", 373): {".result[].XML_ID": UNDECIDED},
    ("crm.quote.productrows.get", 397): {".result[].PRODUCT_DESCRIPTION": PRODUCT},
    ("userfieldconfig.gettypes", 3): {".result.types.rest_219_test": OWN},
    **{
        key: {f"{at}.property{number}": OWN for number in (258, 259)}
        for key, at in PROPERTIES.items()
    },
    "stagehistory": {
        f".result{inside}.items[].{name}": OLDER
        for inside in ("", ".result[]")
        for name in ("ID", "TYPE_ID", "OWNER_ID", "CATEGORY_ID")
    },
    "crm_stagehistory_list": {
        f".result.result[].items[].{name}": OLDER for name in ("ID", "OWNER_ID")
    },
}

NOT_ANSWERED = {
    "catalog_document_element_list": "catalog.document.element.list",
    "lists_element_add_batch": "lists.element.add",
    "socialnetwork_api_workgroup_list": "socialnetwork.api.workgroup.list",
}
