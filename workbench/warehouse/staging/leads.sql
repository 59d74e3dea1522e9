-- Leads as the portal gives them, typed.
SELECT
    _id AS lead_id,
    TITLE AS title,
    STATUS_ID AS status_id,
    STATUS_SEMANTIC_ID AS semantics,
    CURRENCY_ID AS currency,
    as_money(OPPORTUNITY) AS amount,
    as_link(COMPANY_ID) AS company_id,
    COMPANY_TITLE AS company_title,
    as_link(CONTACT_ID) AS contact_id,
    as_time(DATE_CLOSED) AS closed_at,
    as_time(MOVED_TIME) AS moved_at,
    as_link(ASSIGNED_BY_ID) AS manager_id,
    as_time(DATE_CREATE) AS created_at,
    as_time(DATE_MODIFY) AS modified_at,
    SOURCE_ID AS source_id,
    UTM_SOURCE AS utm_source,
    UTM_MEDIUM AS utm_medium,
    UTM_CAMPAIGN AS utm_campaign
FROM raw.leads
