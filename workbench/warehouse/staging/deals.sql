-- Deals as the portal gives them, typed. Recurring templates are still in.
SELECT
    _id AS deal_id,
    TITLE AS title,
    coalesce(as_link(CATEGORY_ID), 0) AS pipeline_id,
    STAGE_ID AS stage_id,
    STAGE_SEMANTIC_ID AS semantics,
    as_flag(IS_RECURRING) AS is_recurring,
    as_number(PROBABILITY) AS probability,
    CURRENCY_ID AS currency,
    as_money(OPPORTUNITY) AS amount,
    as_link(COMPANY_ID) AS company_id,
    as_link(CONTACT_ID) AS contact_id,
    as_link(LEAD_ID) AS lead_id,
    as_date(CLOSEDATE) AS expected_close_on,
    as_link(ASSIGNED_BY_ID) AS manager_id,
    as_time(DATE_CREATE) AS created_at,
    as_time(DATE_MODIFY) AS modified_at,
    as_time(MOVED_TIME) AS moved_at,
    SOURCE_ID AS source_id,
    UTM_SOURCE AS utm_source,
    UTM_MEDIUM AS utm_medium,
    UTM_CAMPAIGN AS utm_campaign
FROM raw.deals
