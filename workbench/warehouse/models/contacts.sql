-- title: Contacts
-- grain: one row per contact (personal data: name)
-- columns: company_id = the contact's main company (all: contact_companies); phones and emails =
--   how many the portal has, not which
-- tests:
--   unique: [contact_id]
--   not_null: [contact_id, phones, emails]
--   holds: ["phones >= 0", "emails >= 0"]
SELECT
    contacts.contact_id,
    nullif(contacts.contact, '') AS contact,
    coalesce(types.status, contacts.contact_type_id) AS contact_type,
    contacts.company_id,
    companies.customer,
    contacts.source_id,
    coalesce(origins.status, contacts.source_id) AS source,
    contacts.phones,
    contacts.emails,
    contacts.manager_id,
    contacts.created_at,
    local_day(contacts.created_at) AS created_on
FROM staging.contacts AS contacts
LEFT JOIN staging.companies AS companies USING (company_id)
LEFT JOIN staging.statuses AS types
    ON types.directory = 'CONTACT_TYPE' AND types.status_id = contacts.contact_type_id
LEFT JOIN staging.statuses AS origins
    ON origins.directory = 'SOURCE' AND origins.status_id = contacts.source_id
ORDER BY contacts.contact_id
