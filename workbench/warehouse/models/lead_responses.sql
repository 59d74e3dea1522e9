-- title: First answers to leads
-- grain: one row per lead
-- columns:
--   answered_at = first outgoing call, e-mail or message of a person to the lead after its
--   creation (activities that are done, when they took place, and telephone calls), NULL while
--   there was none
--   clock_hours = hours from creation to the answer on the local clock; working_hours = those of
--   them in the working hours of parameters/calendar.yml; both NULL without an answer
--   is_in_time = answered within that file's `answer_within` working hours
-- tests:
--   unique: [lead_id]
--   not_null: [lead_id, is_in_time]
--   references: {lead_id: leads}
--   holds: ["(answered_at IS NULL) = (working_hours IS NULL)", "working_hours >= 0",
--     "is_in_time <= (answered_at IS NOT NULL)"]
WITH outgoing AS (
    SELECT owner_id AS lead_id, happened_at AS moment
    FROM snapshot.activities
    WHERE owner_type_id = 1 AND direction = 2 AND completed AND responsible_id IS NOT NULL
    UNION ALL
    SELECT owner_id, started_at
    FROM snapshot.calls
    WHERE owner_type_id = 1 AND direction IN ('out', 'callback')
),
answers AS (
    SELECT leads.lead_id, min(outgoing.moment) AS answered_at
    FROM snapshot.leads AS leads
    JOIN outgoing ON outgoing.lead_id = leads.lead_id AND outgoing.moment >= leads.created_at
    GROUP BY ALL
),
moments AS (
    SELECT
        leads.lead_id,
        leads.created_at,
        answers.answered_at,
        leads.created_at AT TIME ZONE getvariable('timezone') AS created,
        answers.answered_at AT TIME ZONE getvariable('timezone') AS answered
    FROM snapshot.leads AS leads
    LEFT JOIN answers USING (lead_id)
),
timed AS (
    SELECT
        moments.*,
        working_seconds(last_day.working_days_before, last_day.is_working, moments.answered)
            - working_seconds(first_day.working_days_before, first_day.is_working, moments.created)
            AS seconds
    FROM moments
    LEFT JOIN snapshot.calendar AS first_day ON first_day.day = moments.created::DATE
    LEFT JOIN snapshot.calendar AS last_day ON last_day.day = moments.answered::DATE
)
SELECT
    lead_id,
    answered_at,
    local_day(answered_at) AS answered_on,
    date_diff('second', created, answered) / 3600.0 AS clock_hours,
    -- outside the calendar's years the clock has to do
    CASE
        WHEN answered_at IS NOT NULL THEN greatest(coalesce(seconds / 3600.0, clock_hours), 0)
    END AS working_hours,
    coalesce(working_hours <= getvariable('answer_within'), false) AS is_in_time
FROM timed
ORDER BY lead_id
