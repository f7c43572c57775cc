-- The registry epoch under which everything that trains must be screened.
CREATE OR REPLACE FUNCTION curation_current_epoch() RETURNS integer
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT max(number) FROM curation_registryepoch
$$;
