-- Companies, typed. The portal owner's own companies are marked. Of phones and e-mails only how
-- many there are leaves this file.
SELECT
    _id AS company_id,
    TITLE AS customer,
    COMPANY_TYPE AS company_type_id,
    INDUSTRY AS industry_id,
    as_flag(IS_MY_COMPANY) AS is_own,
    how_many(PHONE) AS phones,
    how_many(EMAIL) AS emails,
    as_time(DATE_CREATE) AS created_at
FROM raw.companies
