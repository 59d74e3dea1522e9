-- Directories: stages of every pipeline, sources, types.
SELECT
    ENTITY_ID AS directory,
    STATUS_ID AS status_id,
    NAME AS status,
    as_int(SORT) AS sort,
    coalesce(SEMANTICS, 'P') AS semantics
FROM raw.statuses
