-- title: Accounting documents (external file)
-- grain: one row per booked document; empty if the file is not loaded
-- columns: kind = invoice, credit (note), payment; amount in `currency`, signed_base in the
--   portal's base currency at the rate known on the day of booking, credit notes below zero;
--   company_id = the CRM company of the same name, NULL if there is none or more than one
-- tests:
--   unique: ["document_number, kind"]
--   not_null: [document_number, kind, booked_on]
--   accepted: {kind: [invoice, credit, payment]}
WITH companies AS (
    SELECT lower(trim(customer)) AS name, min(company_id) AS company_id
    FROM staging.companies
    GROUP BY ALL
    HAVING count(*) = 1
)
SELECT
    documents.document_number,
    documents.kind,
    documents.booked_on,
    documents.customer,
    companies.company_id,
    documents.amount,
    documents.currency,
    TRY_CAST(
        documents.amount * rates.rate * CASE documents.kind WHEN 'credit' THEN -1 ELSE 1 END
        AS DECIMAL(18, 2)
    ) AS signed_base,
    documents.due_on,
    documents.settled_on
FROM staging.accounting_documents AS documents
LEFT JOIN companies ON companies.name = lower(trim(documents.customer))
LEFT JOIN staging.rate_periods AS rates
    ON rates.currency = documents.currency
    AND documents.booked_on >= rates.from_on
    AND documents.booked_on < rates.to_on
ORDER BY documents.booked_on, documents.document_number
