-- title: Telephone calls
-- grain: one row per call; no telephone numbers
-- columns: direction = out, in, redirected, callback, info; is_answered = the call came about
--   (outcome_code 200); owner_type_id 1 lead, 2 deal, 3 contact, 4 company; cost in cost_currency
-- tests:
--   unique: [call_id]
--   not_null: [call_id, started_at, started_on, is_answered]
--   accepted: {direction: [out, in, redirected, callback, info]}
SELECT
    calls.call_id,
    CASE calls.call_type_id
        WHEN 1 THEN 'out' WHEN 2 THEN 'in' WHEN 3 THEN 'redirected' WHEN 4 THEN 'callback'
        WHEN 5 THEN 'info'
    END AS direction,
    calls.user_id,
    coalesce(users.manager, '#' || calls.user_id) AS manager,
    users.department_id,
    users.department,
    calls.started_at,
    local_day(calls.started_at) AS started_on,
    calls.seconds,
    calls.outcome_code,
    coalesce(calls.outcome_code = '200', false) AS is_answered,
    CASE upper(calls.owner_type)
        WHEN 'LEAD' THEN 1 WHEN 'DEAL' THEN 2 WHEN 'CONTACT' THEN 3 WHEN 'COMPANY' THEN 4
    END AS owner_type_id,
    calls.owner_id,
    calls.activity_id,
    calls.cost,
    calls.cost_currency
FROM staging.calls AS calls
LEFT JOIN snapshot.users AS users ON users.user_id = calls.user_id
WHERE calls.started_at IS NOT NULL
ORDER BY calls.call_id
