-- Entries of deals into stages. type_id: 1 created, 2 moved, 3 closed, 5 pipeline changed.
SELECT
    _id AS history_id,
    as_int(TYPE_ID) AS type_id,
    as_int(OWNER_ID) AS deal_id,
    as_time(CREATED_TIME) AS entered_at,
    coalesce(as_link(CATEGORY_ID), 0) AS pipeline_id,
    STAGE_ID AS stage_id,
    STAGE_SEMANTIC_ID AS semantics
FROM raw.deal_history
