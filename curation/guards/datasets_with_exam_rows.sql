-- Of every dataset that holds rows which are items of an exam today: how many, of which exam, and the pairs among them.
-- Numbers and names only, so that whoever marks what learnt them needs no right to read a finding.
CREATE OR REPLACE FUNCTION curation_contamination()
RETURNS TABLE (dataset_id bigint, row_count bigint, benchmarks jsonb, pairs uuid[])
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH overlapping AS (
        SELECT f.dataset_id, f.pair_id, coalesce(b.evidence ->> 'benchmark', '') AS benchmark
        FROM curation_blocker b
        JOIN curation_case k ON k.id = b.case_id
        JOIN curation_pair p ON p.correction_id = k.correction_id
        JOIN curation_datasetrow f ON f.pair_id = p.id
        WHERE b.check_name = 'overlap' AND b.blocking AND NOT curation_covered(k.id, 'overlap')
        UNION ALL
        SELECT f.dataset_id, NULL, r.overlaps_with
        FROM curation_replayrow r JOIN curation_datasetrow f ON f.replay_row_id = r.id
        WHERE r.overlaps
    ), counted AS (
        SELECT dataset_id, benchmark, count(*) AS matches FROM overlapping GROUP BY dataset_id, benchmark
    )
    SELECT c.dataset_id, sum(c.matches)::bigint, jsonb_object_agg(c.benchmark, c.matches),
           (SELECT array_agg(DISTINCT f.pair_id) FILTER (WHERE f.pair_id IS NOT NULL)
            FROM overlapping f WHERE f.dataset_id = c.dataset_id)
    FROM counted c GROUP BY c.dataset_id
$$;
