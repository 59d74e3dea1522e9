-- Entries of leads into statuses.
SELECT
    _id AS history_id,
    as_int(OWNER_ID) AS lead_id,
    as_time(CREATED_TIME) AS entered_at,
    STATUS_ID AS status_id
FROM raw.lead_history
