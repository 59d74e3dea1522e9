-- title: Users, who manage deals
-- grain: one row per user (personal data: name, e-mail)
-- columns: manager = full name; department = the user's first department
-- tests:
--   unique: [user_id]
--   not_null: [user_id, manager]
SELECT
    users.user_id,
    users.manager,
    users.active,
    users.department_id,
    departments.department,
    users.position,
    users.email
FROM staging.users AS users
LEFT JOIN snapshot.departments AS departments USING (department_id)
WHERE users.user_id IS NOT NULL
ORDER BY users.user_id
