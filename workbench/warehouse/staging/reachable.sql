-- By what a company, contact or lead can be told to be the same: e-mail addresses, telephone numbers
-- (their last nine digits) and names. Only the model `duplicates` reads this, and keeps none of it.
WITH given AS (
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
    SELECT 'companies', _id, 'name', TITLE FROM raw.companies WHERE NOT as_flag(IS_MY_COMPANY)
    UNION ALL
    SELECT 'contacts', _id, 'name', concat_ws(' ', NAME, LAST_NAME) FROM raw.contacts
    WHERE NAME IS NOT NULL AND LAST_NAME IS NOT NULL
),
plain AS (
    SELECT entity, record_id, what, coalesce(TRY(json_extract_string(text, '$.VALUE')), text) AS text
    FROM given
    WHERE text IS NOT NULL
),
told AS (
    SELECT
        entity,
        record_id,
        what,
        CASE
            WHEN what = 'phone' THEN regexp_replace(text, '\D', '', 'g')
            ELSE lower(trim(regexp_replace(text, '\s+', ' ', 'g')))
        END AS text
    FROM plain
)
SELECT entity, record_id, what, CASE WHEN what = 'phone' THEN right(text, 9) ELSE text END AS value
FROM told
WHERE CASE what WHEN 'phone' THEN len(text) >= 6 WHEN 'e-mail' THEN text LIKE '%_@_%' ELSE text <> '' END
