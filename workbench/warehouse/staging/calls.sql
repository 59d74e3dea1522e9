-- Telephone calls. No numbers: who called is told by the record that the call belongs to.
SELECT
    _id AS call_id,
    as_link(PORTAL_USER_ID) AS user_id,
    as_int(CALL_TYPE) AS call_type_id,
    as_time(CALL_START_DATE) AS started_at,
    as_int(CALL_DURATION) AS seconds,
    CALL_FAILED_CODE AS outcome_code,
    CRM_ENTITY_TYPE AS owner_type,
    as_link(CRM_ENTITY_ID) AS owner_id,
    as_link(CRM_ACTIVITY_ID) AS activity_id,
    as_money(COST) AS cost,
    COST_CURRENCY AS cost_currency
FROM raw.calls
