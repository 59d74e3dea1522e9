-- What accounting booked, as the file has it.
SELECT
    number AS document_number,
    date AS booked_on,
    kind,
    customer,
    amount,
    currency,
    due AS due_on,
    settled AS settled_on
FROM external.accounting_documents
