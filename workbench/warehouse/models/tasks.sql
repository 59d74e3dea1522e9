-- title: Tasks
-- grain: one row per task
-- columns: crm_links = what the task is linked with (D_10 = deal 10, L_ lead, C_ contact, CO_
--   company); deal_id = the first deal of these; status_id 2 pending, 3 in progress, 4 awaiting
--   control, 5 completed, 6 deferred
-- tests:
--   unique: [task_id]
--   not_null: [task_id, created_at, created_on, is_done]
SELECT
    tasks.task_id,
    tasks.title,
    tasks.status_id,
    coalesce(tasks.status_id = 5, false) AS is_done,
    tasks.creator_id,
    tasks.responsible_id,
    coalesce(users.manager, '#' || tasks.responsible_id) AS responsible,
    tasks.group_id,
    tasks.parent_id,
    tasks.created_at,
    local_day(tasks.created_at) AS created_on,
    tasks.modified_at,
    tasks.deadline_at,
    tasks.closed_at,
    local_day(tasks.closed_at) AS closed_on,
    tasks.seconds_spent,
    tasks.crm_links,
    as_int(substr(list_filter(tasks.crm_links, lambda link: link LIKE 'D\_%' ESCAPE '\')[1], 3))
        AS deal_id
FROM staging.tasks AS tasks
LEFT JOIN snapshot.users AS users ON users.user_id = tasks.responsible_id
WHERE tasks.created_at IS NOT NULL
ORDER BY tasks.task_id
