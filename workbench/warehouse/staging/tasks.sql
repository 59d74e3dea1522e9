-- Tasks. status_id: 2 pending, 3 in progress, 4 awaiting control, 5 completed, 6 deferred.
SELECT
    _id AS task_id,
    "title" AS title,
    as_int("status") AS status_id,
    as_link("createdBy") AS creator_id,
    as_link("responsibleId") AS responsible_id,
    as_link("groupId") AS group_id,
    as_link("parentId") AS parent_id,
    as_time("createdDate") AS created_at,
    as_time("changedDate") AS modified_at,
    as_time("deadline") AS deadline_at,
    as_time("closedDate") AS closed_at,
    as_int("timeSpentInLogs") AS seconds_spent,
    as_texts("ufCrmTask") AS crm_links
FROM raw.tasks
