-- Smart processes of the portal.
SELECT
    as_int("entityTypeId") AS entity_type_id,
    "title" AS smart_process
FROM raw.types
