-- Companies that a contact is linked with, the primary one first.
SELECT _id AS contact_id, as_texts("companyIds") AS company_ids
FROM raw.contact_companies
