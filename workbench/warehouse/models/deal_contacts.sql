-- title: Contacts of deals
-- grain: one row per deal and contact linked with it
-- columns: place = 1 for the primary contact, then as the portal orders them
-- tests:
--   unique: ["deal_id, contact_id"]
--   not_null: [deal_id, contact_id, place]
--   references: {deal_id: deals}
WITH links AS (
    SELECT
        deal_id,
        as_link(unnest(contact_ids)) AS contact_id,
        generate_subscripts(contact_ids, 1) AS place
    FROM staging.deal_contacts
    SEMI JOIN snapshot.deals AS deals USING (deal_id)
)
SELECT deal_id, contact_id, min(place) AS place
FROM links
WHERE contact_id IS NOT NULL
GROUP BY ALL
ORDER BY deal_id, place
