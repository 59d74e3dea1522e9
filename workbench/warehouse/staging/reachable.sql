-- By what a company, contact or lead can be told to be the same: e-mail addresses, telephone numbers
-- and names, as the portal gives them. Only the model `duplicates` reads this, and keeps none of it.
SELECT 'companies' AS entity, _id AS record_id, 'phone' AS what, unnest(as_texts(PHONE)) AS text
FROM raw.companies
UNION ALL
SELECT 'contacts', _id, 'phone', unnest(as_texts(PHONE)) FROM raw.contacts
UNION ALL
SELECT 'leads', _id, 'phone', unnest(as_texts(PHONE)) FROM raw.leads
UNION ALL
SELECT 'companies', _id, 'e-mail', unnest(as_texts(EMAIL)) FROM raw.companies
UNION ALL
SELECT 'contacts', _id, 'e-mail', unnest(as_texts(EMAIL)) FROM raw.contacts
UNION ALL
SELECT 'leads', _id, 'e-mail', unnest(as_texts(EMAIL)) FROM raw.leads
UNION ALL
SELECT 'companies', _id, 'name', CASE WHEN as_flag(IS_MY_COMPANY) THEN NULL ELSE TITLE END
FROM raw.companies
UNION ALL
SELECT 'contacts', _id, 'name', NAME || ' ' || LAST_NAME FROM raw.contacts
UNION ALL
SELECT 'leads', _id, 'name', NAME || ' ' || LAST_NAME FROM raw.leads
