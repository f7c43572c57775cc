"""What people call the rows of evaluation: a benchmark's title, never an item of it."""

BY_NUMBER = {
    "benchmark_version": """
        SELECT v.id, b.title || ' v' || v.number
        FROM evaluation_benchmarkversion v JOIN evaluation_benchmark b ON b.id = v.benchmark_id
        WHERE v.id = ANY (%(benchmark_version)s::bigint[])
    """,
}
