-- Days of the working calendar (parameters/calendar.yml and the country's public holidays), each
-- with the number of working days before it.
SELECT
    day,
    is_working,
    is_holiday,
    count(*) FILTER (is_working) OVER (ORDER BY day ROWS UNBOUNDED PRECEDING)
        - is_working::INT AS working_days_before
FROM external.calendar
