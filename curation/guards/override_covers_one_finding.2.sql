-- What an override covers is read from the finding, not from whoever writes (`curation_found`): another item, another
-- method or another check is another finding. `curation_substance` names a finding in one text, and is NULL for what
-- nobody may override. `curation_covered` says whether a confirmed override covers all that a check found of a case: less
-- than people let pass is covered, more is not.
CREATE OR REPLACE FUNCTION curation_substance(check_name text, evidence jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT left(found[1], CASE cardinality(found) WHEN 1 THEN 300 ELSE 240 END)
           || CASE cardinality(found) WHEN 1 THEN ''
              ELSE ' and ' || cardinality(found) - 1 || ' more: ' || md5(array_to_string(found, E'\n')) END
    FROM curation_found(check_name, evidence) AS found
$$;

CREATE OR REPLACE FUNCTION curation_covered(covered_case bigint, covered_check text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM curation_override o
        JOIN curation_blocker b ON b.case_id = o.case_id AND b.check_name = o.check_name
        WHERE o.case_id = covered_case AND o.check_name = covered_check AND o.state = 'confirmed'
          AND curation_found(b.check_name::text, b.evidence) <@ curation_found(o.check_name::text, o.finding->'evidence'))
$$;
