-- Contacts that a deal is linked with, the primary one first.
SELECT _id AS deal_id, as_texts("contactIds") AS contact_ids
FROM raw.deal_contacts
