-- Calls, meetings, tasks and mails on CRM records. direction: 1 incoming, 2 outgoing.
-- happened_at: planned for, but not before it was created, nor after its last change.
SELECT
    _id AS activity_id,
    as_int(OWNER_TYPE_ID) AS owner_type_id,
    as_int(OWNER_ID) AS owner_id,
    as_int(TYPE_ID) AS type_id,
    as_link(DIRECTION) AS direction,
    SUBJECT AS subject,
    as_time(CREATED) AS created_at,
    greatest(
        created_at, least(coalesce(as_time(START_TIME), created_at), as_time(LAST_UPDATED))
    ) AS happened_at,
    as_link(RESPONSIBLE_ID) AS responsible_id,
    as_flag(COMPLETED) AS completed
FROM raw.activities
