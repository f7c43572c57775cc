-- The interaction that a replay goes back to (itself if it is none): whose words, consent, lane and environment count.
CREATE OR REPLACE FUNCTION curation_origin(interaction uuid)
RETURNS TABLE (id uuid, subject_id uuid, environment text, lane text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE steps AS (
        SELECT i.id, i.subject_id, i.environment, i.lane, i.replay_of_id, 0 AS depth
        FROM feedback_interaction i WHERE i.id = interaction
        UNION ALL
        SELECT i.id, i.subject_id, i.environment, i.lane, i.replay_of_id, s.depth + 1
        FROM feedback_interaction i JOIN steps s ON i.id = s.replay_of_id WHERE s.depth < 100
    )
    SELECT s.id, s.subject_id, s.environment::text, s.lane::text FROM steps s WHERE s.replay_of_id IS NULL
$$;
