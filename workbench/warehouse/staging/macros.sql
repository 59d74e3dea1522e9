-- How the portal's strings become values. Empty forms (null, "", false, [], {}) are NULL in the
-- raw tables already; JSON true is 'Y'. A value that a cast refuses becomes NULL here, stays in
-- the raw table and is listed in `unparsed`.
CREATE OR REPLACE MACRO as_int(x) AS TRY_CAST(x AS BIGINT);
CREATE OR REPLACE MACRO as_money(x) AS TRY_CAST(x AS DECIMAL(18, 2));
CREATE OR REPLACE MACRO as_number(x) AS TRY_CAST(x AS DOUBLE);
-- Days outside 1900 to 2199 are typing mistakes, and some of them no calendar can show.
CREATE OR REPLACE MACRO plausible(x) AS
    CASE WHEN x >= '1900-01-01' AND x < '2200-01-01' THEN x END;
-- A moment without an offset is meant in the portal's time zone (the session's).
CREATE OR REPLACE MACRO as_time(x) AS plausible(TRY_CAST(x AS TIMESTAMPTZ));
-- Dates come as YYYY-MM-DD or as midnight-like moments of the server: the written day counts.
CREATE OR REPLACE MACRO as_date(x) AS plausible(TRY_CAST(substr(x, 1, 10) AS DATE));
CREATE OR REPLACE MACRO as_flag(x) AS coalesce(lower(x) IN ('y', '1', 'true'), false);
-- A link that is not set comes as 0 as often as it comes empty.
CREATE OR REPLACE MACRO as_link(x) AS nullif(TRY_CAST(x AS BIGINT), 0);
CREATE OR REPLACE MACRO local_day(x) AS CAST(x AT TIME ZONE getvariable('timezone') AS DATE);
CREATE OR REPLACE MACRO local_days(a, b) AS
    date_diff(
        'second',
        a AT TIME ZONE getvariable('timezone'),
        b AT TIME ZONE getvariable('timezone')
    ) / 86400.0;
-- A list comes as JSON text; a value that is no list is a list of itself.
CREATE OR REPLACE MACRO as_texts(x) AS
    CASE
        WHEN x IS NULL THEN []::VARCHAR[]
        ELSE coalesce(TRY(from_json(x, '["VARCHAR"]')), [x])
    END;
CREATE OR REPLACE MACRO how_many(x) AS coalesce(len(as_texts(x)), 0);
-- A label by language, as JSON, or the label itself.
CREATE OR REPLACE MACRO first_text(x) AS
    CASE
        WHEN x NOT LIKE '{%' THEN x
        ELSE coalesce(
            TRY(json_extract_string(x, '$.fr')), TRY(json_extract_string(x, '$.*')[1]), x
        )
    END;
-- The options of an enumeration: a JSON list of objects, in upper or lower case.
CREATE OR REPLACE MACRO option_texts(x) AS
    list_transform(
        TRY(from_json(x, '["JSON"]')),
        lambda option: coalesce(option ->> 'VALUE', option ->> 'value')
    );
-- Working seconds from 2000 to a local moment: whole working days before, and those of its day.
CREATE OR REPLACE MACRO working_seconds(days_before, is_working, moment) AS
    days_before * (getvariable('closes') - getvariable('opens'))
    + CASE
        WHEN is_working
        THEN greatest(
            least(
                date_diff('second', date_trunc('day', moment), moment), getvariable('closes')
            ) - getvariable('opens'),
            0
        )
        ELSE 0
    END;
