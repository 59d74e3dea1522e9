-- title: Records that may be the same
-- grain: one row per record and group of records that share a value
-- columns: entity = companies, contacts, leads; what they share = e-mail, phone, name (the value
--   itself is not kept); group_id = a number for those that share it
-- tests:
--   unique: ["entity, what, group_id, record_id"]
--   not_null: [entity, what, group_id, record_id]
--   accepted: {entity: [companies, contacts, leads], what: [e-mail, phone, name]}
WITH reachable AS MATERIALIZED (
    SELECT DISTINCT entity, what, value, record_id FROM staging.reachable
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
