"""Evaluation's figures for the console's header and home."""

ROWS = {
    "last_gate": """
        SELECT g.id, g.verdict, EXISTS (SELECT FROM evaluation_waiver w WHERE w.gate_id = g.id) AS waived
        FROM evaluation_gate g WHERE g.state = 'finished' ORDER BY g.id DESC LIMIT 1
    """
}
COUNTS = {
    "open_gates": "(SELECT count(*) FROM evaluation_gate WHERE state IN ('queued', 'running'))",
    "last_gate": "last_gate.id",
    "last_verdict": "last_gate.verdict",
    "last_gate_waived": "last_gate.waived",
    "broken_gate": """
        (SELECT max(g.id) FROM evaluation_gate g WHERE g.state = 'failed'
           AND NOT EXISTS (SELECT FROM evaluation_gate later WHERE later.run_id = g.run_id AND later.id > g.id))
    """,
    "waivers": "(SELECT count(*) FROM evaluation_waiver WHERE confirmed_at IS NULL)",
    "benchmarks": "(SELECT count(*) FROM evaluation_benchmarkversion)",
}
WAITING = {
    "gates": "SELECT count(*), extract(epoch FROM now() - min(queued_at)) FROM evaluation_gate WHERE state = 'queued'"
}
