-- Contacts (personal data: name). Of phones and e-mails only how many there are leaves this file.
SELECT
    _id AS contact_id,
    trim(concat_ws(' ', NAME, LAST_NAME)) AS contact,
    TYPE_ID AS contact_type_id,
    as_link(COMPANY_ID) AS company_id,
    SOURCE_ID AS source_id,
    how_many(PHONE) AS phones,
    how_many(EMAIL) AS emails,
    as_link(ASSIGNED_BY_ID) AS manager_id,
    as_time(DATE_CREATE) AS created_at
FROM raw.contacts
