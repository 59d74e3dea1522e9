-- title: Companies of contacts
-- grain: one row per contact and company linked with it
-- columns: place = 1 for the main company, then as the portal orders them
-- tests:
--   unique: ["contact_id, company_id"]
--   not_null: [contact_id, company_id, place]
--   references: {contact_id: contacts}
WITH links AS (
    SELECT
        contact_id,
        as_link(unnest(company_ids)) AS company_id,
        generate_subscripts(company_ids, 1) AS place
    FROM staging.contact_companies
    SEMI JOIN snapshot.contacts AS contacts USING (contact_id)
)
SELECT contact_id, company_id, min(place) AS place
FROM links
WHERE company_id IS NOT NULL
GROUP BY ALL
ORDER BY contact_id, place
