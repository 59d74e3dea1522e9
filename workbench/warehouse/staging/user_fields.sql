-- User fields of every kind of record; options of an enumeration as JSON.
SELECT
    OWNER AS owner,
    FIELD_NAME AS field,
    EDIT_FORM_LABEL AS label,
    ENGLISH_LABEL AS english,
    USER_TYPE_ID AS kind,
    as_flag(MULTIPLE) AS is_multiple,
    as_int(SORT) AS sort,
    LIST AS options
FROM raw.userfields
UNION ALL
SELECT
    OWNER,
    "fieldName",
    first_text("editFormLabel"),
    CASE
        WHEN ENGLISH_LABEL NOT LIKE '{%' THEN ENGLISH_LABEL
        ELSE TRY(json_extract_string(ENGLISH_LABEL, '$.en'))
    END,
    "userTypeId",
    as_flag("multiple"),
    TRY_CAST("sort" AS BIGINT),
    "enum"
FROM raw.item_userfields
