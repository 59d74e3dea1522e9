-- Pipelines of deals (entity type 2) and invoices (31); 0 is the general one of deals.
SELECT
    as_int("entityTypeId") AS entity_type_id,
    coalesce(as_int("id"), 0) AS pipeline_id,
    "name" AS pipeline,
    as_int("sort") AS sort
FROM raw.categories
