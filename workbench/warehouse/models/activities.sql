-- title: Calls, meetings, tasks and mails
-- grain: one row per activity
-- columns: owner_type_id 1 lead, 2 deal, 3 contact, 4 company; type_id 1 meeting, 2 call, 3 task,
--   4 e-mail, 6 other; direction 1 incoming, 2 outgoing
-- tests:
--   unique: [activity_id]
--   not_null: [activity_id, created_at, created_on]
SELECT
    activity_id,
    owner_type_id,
    owner_id,
    type_id,
    direction,
    subject,
    created_at,
    local_day(created_at) AS created_on,
    responsible_id,
    completed
FROM staging.activities
WHERE created_at IS NOT NULL
ORDER BY activity_id
