-- title: Calls, meetings, tasks and mails
-- grain: one row per activity
-- columns: owner_type_id 1 lead, 2 deal, 3 contact, 4 company; type_id 1 meeting, 2 call, 3 task,
--   4 e-mail, 6 other; direction 1 incoming, 2 outgoing; kind = type_id in one word; manager =
--   who is responsible; happened_at = the moment it was planned for, of one that is not completed
--   a guess
-- tests:
--   unique: [activity_id]
--   not_null: [activity_id, created_at, created_on, happened_at]
--   holds: ["happened_at >= created_at"]
SELECT
    activities.activity_id,
    activities.owner_type_id,
    activities.owner_id,
    activities.type_id,
    CASE activities.type_id
        WHEN 1 THEN 'meeting' WHEN 2 THEN 'call' WHEN 3 THEN 'task' WHEN 4 THEN 'e-mail'
        ELSE 'other'
    END AS kind,
    activities.direction,
    activities.subject,
    activities.created_at,
    local_day(activities.created_at) AS created_on,
    activities.happened_at,
    activities.responsible_id,
    coalesce(users.manager, '#' || activities.responsible_id) AS manager,
    users.department_id,
    users.department,
    activities.completed
FROM staging.activities AS activities
LEFT JOIN snapshot.users AS users ON users.user_id = activities.responsible_id
WHERE activities.created_at IS NOT NULL
ORDER BY activities.activity_id
