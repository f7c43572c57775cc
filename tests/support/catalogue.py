"""What a database is, apart from its rows: every object of the schema `public`, defined in PostgreSQL's own words.

The order of columns is left out: no statement of ours depends on it, and squashed migrations may change it.
"""

from typing import Any


def grants(column: str) -> str:
    """An access list in one order."""
    return f"(SELECT array_agg(item ORDER BY item)::text FROM unnest({column}::text[]) AS item)"


QUERIES = {
    "column": f"""
        SELECT c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
                         'COLLATE ' || nullif(a.attcollation::regcollation::text, '-'),
                         'IDENTITY ' || nullif(a.attidentity::text, ''),
                         'GENERATED ' || nullif(a.attgenerated::text, ''),
                         'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid),
                         {grants("a.attacl")})
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
        WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm')
          AND a.attnum > 0 AND NOT a.attisdropped""",
    "relation": f"""
        SELECT c.relname, concat_ws(' ', c.relkind, c.relpersistence, pg_get_userbyid(c.relowner),
               CASE WHEN c.relrowsecurity THEN 'ROW SECURITY' END, CASE WHEN c.relforcerowsecurity THEN 'FORCED' END,
               c.reloptions::text, {grants("c.relacl")},
               CASE WHEN c.relkind IN ('v', 'm') THEN pg_get_viewdef(c.oid) END)
        FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind NOT IN ('i', 'I')""",
    "constraint": """
        SELECT coalesce(conrelid::regclass::text || '.', '') || conname,
               pg_get_constraintdef(oid) || CASE WHEN convalidated THEN '' ELSE ' NOT VALID' END
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
    "index": """
        SELECT indexrelid::regclass::text,
               pg_get_indexdef(indexrelid) || CASE WHEN indisvalid THEN '' ELSE ' INVALID' END
        FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE c.relnamespace = 'public'::regnamespace""",
    "function": f"""
        SELECT p.oid::regprocedure::text, concat_ws(' ', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner),
               {grants("p.proacl")})
        FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prokind IN ('f', 'p')
          AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid
                          AND d.deptype = 'e')""",
    "trigger": """
        SELECT t.tgname || ' on ' || t.tgrelid::regclass, pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'public'::regnamespace AND NOT t.tgisinternal""",
    "sequence": """
        SELECT s.seqrelid::regclass::text,
               concat_ws(' ', format_type(seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle,
                         a.attrelid::regclass, a.attname)
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid
        LEFT JOIN pg_depend d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')
        LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
        WHERE c.relnamespace = 'public'::regnamespace""",
    "policy": "SELECT tablename || '.' || policyname, pg_policies::text FROM pg_policies WHERE schemaname = 'public'",
    "extension": "SELECT extname, extversion FROM pg_extension",
    "schema": f"""
        SELECT nspname, {grants("nspacl")}
        FROM pg_namespace WHERE nspname = 'public'""",
    "database": f"""
        SELECT datname, {grants("datacl")}
        FROM pg_database WHERE datname = current_database()""",
}


def catalogue(cursor: Any) -> dict[tuple[str, str], str]:
    """Kind and name of every object, to its definition, owner and grants."""
    known: dict[tuple[str, str], str] = {}
    for kind, query in QUERIES.items():
        cursor.execute(query)
        known |= {(kind, name): definition for name, definition in cursor.fetchall()}
    return known


def differences(one: dict[tuple[str, str], str], other: dict[tuple[str, str], str]) -> dict[tuple[str, str], Any]:
    """What the two define in different words, or only one of them defines: both definitions, by kind and name."""
    return {
        name: (one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    }
