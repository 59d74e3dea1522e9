-- Smart invoices (entity type 31).
SELECT
    _id AS invoice_id,
    as_link("parentId2") AS deal_id,
    as_link("companyId") AS company_id,
    coalesce(as_link("categoryId"), 0) AS pipeline_id,
    as_money("opportunity") AS amount,
    "currencyId" AS currency,
    "stageId" AS stage_id,
    as_time("createdTime") AS created_at,
    as_time("movedTime") AS moved_at,
    as_date("closedate") AS due_on
FROM raw.invoices
