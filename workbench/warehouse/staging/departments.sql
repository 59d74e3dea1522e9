-- Departments of the company.
SELECT
    as_int(ID) AS department_id,
    NAME AS department,
    as_link(PARENT) AS parent_id
FROM raw.departments
