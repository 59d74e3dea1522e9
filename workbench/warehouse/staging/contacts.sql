-- Contacts: only what names a customer (personal data: name).
SELECT
    _id AS contact_id,
    trim(concat_ws(' ', NAME, LAST_NAME)) AS contact,
    as_link(COMPANY_ID) AS company_id
FROM raw.contacts
