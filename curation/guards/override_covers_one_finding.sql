-- What an override covers is read from the finding, not from whoever writes: `curation_substance` names it, and is NULL
-- for what nobody may override (consent, environment, personal data, secrets, kind, an exact duplicate, a row that was
-- not compared at all). A finding of another item, found by another method, or of another check has another name.
-- `curation_covered` says whether a confirmed override covers what a check found of a case.
CREATE OR REPLACE FUNCTION curation_substance(check_name text, evidence jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT left(CASE
        WHEN check_name = 'overlap' AND evidence->>'item' <> ''
            THEN concat_ws(' ', 'overlap', evidence->>'method', evidence->>'benchmark', evidence->>'item')
        WHEN check_name = 'duplicate' AND evidence->>'method' IN ('near', 'semantic')
            THEN concat_ws(' ', 'duplicate', evidence->>'method', evidence->>'case')
        WHEN check_name = 'commentary'
            THEN concat_ws(' ', 'commentary', evidence->>'rules')
    END, 300)
$$;

CREATE OR REPLACE FUNCTION curation_covered(covered_case bigint, covered_check text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM curation_override o
        JOIN curation_blocker b ON b.case_id = o.case_id AND b.check_name = o.check_name
        WHERE o.case_id = covered_case AND o.check_name = covered_check AND o.state = 'confirmed'
          AND o.substance = curation_substance(b.check_name::text, b.evidence))
$$;
