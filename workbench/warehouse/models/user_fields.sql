-- title: User fields
-- grain: one row per kind of record (owner) and user field
-- columns: owner = deal, lead, contact, company, quote, invoice or smart_N; table_name and
--   column_name = where its values are, typed and with the options of an enumeration named;
--   options = the values of an enumeration, in their order; label = what the portal calls it in
--   French, label_en in English, each the other's where it is not given
-- tests:
--   unique: ["owner, field"]
--   not_null: [owner, field, label, label_en, kind, is_multiple, table_name, column_name]
SELECT
    owner,
    field,
    coalesce(label, english, field) AS label,
    coalesce(english, label, field) AS label_en,
    coalesce(kind, 'string') AS kind,
    is_multiple,
    sort,
    owner || '_fields' AS table_name,
    lower(field) AS column_name,
    option_texts(options) AS options
FROM staging.user_fields
WHERE owner IS NOT NULL AND field IS NOT NULL
ORDER BY owner, sort NULLS LAST, field
