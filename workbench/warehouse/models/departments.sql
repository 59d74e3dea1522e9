-- title: Departments
-- grain: one row per department
-- tests:
--   unique: [department_id]
--   not_null: [department_id]
SELECT department_id, department, parent_id
FROM staging.departments
WHERE department_id IS NOT NULL
ORDER BY department_id
