-- title: Working days
-- grain: one row per day from 2000 to two years ahead
-- columns: is_working = not a free weekday, public holiday or closure of parameters/calendar.yml;
--   working_days_before = working days since 2000 before this day, so that a difference counts
--   those between two days; month = its first day
-- tests:
--   unique: [day]
--   not_null: [day, is_working, is_holiday, working_days_before, month]
--   holds: ["working_days_before >= 0"]
SELECT
    day,
    is_working,
    is_holiday,
    working_days_before,
    date_trunc('month', day)::DATE AS month
FROM staging.calendar
ORDER BY day
