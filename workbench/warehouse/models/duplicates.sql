-- title: Records that may be the same
-- grain: one row per record and group of records that share a value
-- columns: entity = companies, contacts, leads; what they share = e-mail, phone, name (the value
--   itself is not kept); group_id = a number for those that share it
-- tests:
--   unique: ["entity, what, group_id, record_id"]
--   not_null: [entity, what, group_id, record_id]
--   accepted: {entity: [companies, contacts, leads], what: [e-mail, phone, name]}
WITH plain AS (
    SELECT entity, record_id, what, coalesce(TRY(json_extract_string(text, '$.VALUE')), text) AS text
    FROM staging.reachable
    WHERE text IS NOT NULL
),
told AS (
    SELECT
        entity,
        record_id,
        what,
        CASE
            WHEN what = 'phone' THEN regexp_replace(text, '\D', '', 'g')
            WHEN what = 'name' THEN lower(strip_accents(trim(regexp_replace(text, '[\s\p{Z}]+', ' ', 'g'))))
            ELSE lower(trim(regexp_replace(text, '\s+', ' ', 'g')))
        END AS text
    FROM plain
),
-- of a telephone number, its last nine digits
reachable AS MATERIALIZED (
    SELECT DISTINCT
        entity, what, CASE WHEN what = 'phone' THEN right(text, 9) ELSE text END AS value, record_id
    FROM told
    WHERE CASE what WHEN 'phone' THEN len(text) >= 6 WHEN 'e-mail' THEN text LIKE '%_@_%' ELSE text <> '' END
),
shared AS (
    SELECT entity, what, value, row_number() OVER () AS group_id
    FROM reachable
    GROUP BY ALL
    HAVING count(*) > 1
)
SELECT shared.entity, shared.what, shared.group_id, reachable.record_id
FROM shared
JOIN reachable USING (entity, what, value)
ORDER BY shared.entity, shared.what, shared.group_id, reachable.record_id
