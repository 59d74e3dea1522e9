-- Users of the portal (personal data: name, e-mail).
SELECT
    as_int(ID) AS user_id,
    coalesce(nullif(trim(concat_ws(' ', NAME, LAST_NAME)), ''), EMAIL, '#' || ID) AS manager,
    as_flag(ACTIVE) AS active,
    -- a JSON list; the first department is the main one
    TRY_CAST(regexp_extract(UF_DEPARTMENT, '\d+') AS BIGINT) AS department_id,
    WORK_POSITION AS position,
    EMAIL AS email
FROM raw.users
