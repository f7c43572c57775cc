-- What a check found of a case, each by name: an override covers those that were found when it was asked for, and no
-- other. NULL for what nobody may override (consent, environment, personal data, secrets, kind, an exact duplicate, a
-- row that was not compared at all). Of an overlap these are its items, each with the method that found it; where there
-- were more than are listed, also the epoch, so that the override does not last beyond what people knew.
CREATE OR REPLACE FUNCTION curation_found(check_name text, evidence jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
    SELECT CASE
        WHEN check_name = 'overlap' AND evidence->>'item' <> '' THEN
            ARRAY[concat_ws(' ', 'overlap', evidence->>'method', evidence->>'benchmark', evidence->>'item')]
            || ARRAY(SELECT concat_ws(' ', 'overlap', other->>'method', other->>'benchmark', other->>'item')
                     FROM jsonb_array_elements(evidence->'others') AS other ORDER BY 1)
            || CASE WHEN evidence ? 'more_in_epoch'
                    THEN ARRAY['overlap, more in epoch ' || (evidence->>'more_in_epoch')] ELSE '{}' END
        WHEN check_name = 'duplicate' AND evidence->>'method' IN ('near', 'semantic')
            THEN ARRAY[concat_ws(' ', 'duplicate', evidence->>'method', evidence->>'case')]
        WHEN check_name = 'commentary'
            THEN ARRAY[concat_ws(' ', 'commentary', evidence->>'rules')]
    END
$$;
