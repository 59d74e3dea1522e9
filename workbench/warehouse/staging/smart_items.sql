-- Items of all smart processes.
SELECT
    as_int("entityTypeId") AS entity_type_id,
    _id AS item_id,
    "title" AS title,
    coalesce(as_link("categoryId"), 0) AS pipeline_id,
    "stageId" AS stage_id,
    as_money("opportunity") AS amount,
    "currencyId" AS currency,
    as_link("companyId") AS company_id,
    as_link("contactId") AS contact_id,
    as_link("parentId1") AS lead_id,
    as_link("parentId2") AS deal_id,
    as_link("assignedById") AS manager_id,
    as_time("createdTime") AS created_at,
    as_time("updatedTime") AS modified_at,
    as_time("movedTime") AS moved_at
FROM raw.smart_items
