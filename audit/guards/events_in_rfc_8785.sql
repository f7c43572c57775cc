-- The bytes of an event are written here, in the form of RFC 8785, and nowhere else: no client can append others.
-- A number that a double does not hold exactly has no such form: it is refused, as is a key that RFC 8785 would sort
-- otherwise than PostgreSQL does.
CREATE OR REPLACE FUNCTION audit_number(value numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET extra_float_digits = 1 AS $$
BEGIN
    IF abs(value) > 9007199254740991 OR value::float8::text::numeric <> value THEN
        RAISE EXCEPTION 'RFC 8785 cannot write the number %', left(value::text, 40)
            USING ERRCODE = 'numeric_value_out_of_range';
    END IF;
    RETURN CASE
        WHEN value = trunc(value) THEN trunc(value)::text
        WHEN abs(value) >= 0.000001 THEN trim_scale(value)::text
        ELSE regexp_replace(value::float8::text, 'e-0*', 'e-')
    END;
END $$;

CREATE OR REPLACE FUNCTION audit_json(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    CASE jsonb_typeof(value)
        WHEN 'object' THEN
            IF EXISTS (SELECT FROM jsonb_object_keys(value) AS key WHERE key ~ '[\U00010000-\U0010FFFF]') THEN
                RAISE EXCEPTION 'a key of an event holds a character beyond U+FFFF' USING ERRCODE = 'data_exception';
            END IF;
            RETURN (SELECT '{' || coalesce(string_agg(
                        to_json(key)::text || ':' || audit_json(item), ',' ORDER BY key COLLATE "C"), '') || '}'
                    FROM jsonb_each(value) AS each (key, item));
        WHEN 'array' THEN
            RETURN (SELECT '[' || coalesce(string_agg(audit_json(item), ',' ORDER BY place), '') || ']'
                    FROM jsonb_array_elements(value) WITH ORDINALITY AS each (item, place));
        WHEN 'string' THEN RETURN to_json(value #>> '{}')::text;
        WHEN 'number' THEN RETURN audit_number((value #>> '{}')::numeric);
        ELSE RETURN value::text;
    END CASE;
END $$;
