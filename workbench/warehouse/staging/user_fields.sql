-- User fields of every kind of record; options of an enumeration as JSON.
SELECT
    OWNER AS owner,
    FIELD_NAME AS field,
    EDIT_FORM_LABEL AS label,
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
    "userTypeId",
    as_flag("multiple"),
    TRY_CAST("sort" AS BIGINT),
    "enum"
FROM raw.item_userfields
