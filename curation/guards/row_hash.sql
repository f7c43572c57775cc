-- The hash by which a row is known: of its texts, each with its length, so that no two rows run into each other.
CREATE OR REPLACE FUNCTION curation_row_hash(VARIADIC texts text[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(string_agg(octet_length(t) || ':' || t || ',', '' ORDER BY n), 'UTF8')), 'hex')
    FROM unnest(texts) WITH ORDINALITY AS u(t, n)
$$;
