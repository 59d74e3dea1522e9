-- Quotes, typed.
SELECT
    _id AS quote_id,
    TITLE AS title,
    STATUS_ID AS status_id,
    as_link(DEAL_ID) AS deal_id,
    as_link(LEAD_ID) AS lead_id,
    as_link(COMPANY_ID) AS company_id,
    as_link(CONTACT_ID) AS contact_id,
    CURRENCY_ID AS currency,
    as_money(OPPORTUNITY) AS amount,
    as_date(CLOSEDATE) AS valid_until,
    as_link(ASSIGNED_BY_ID) AS manager_id,
    as_time(DATE_CREATE) AS created_at,
    as_time(DATE_MODIFY) AS modified_at
FROM raw.quotes
