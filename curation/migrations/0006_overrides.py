"""Overrides: what two people may let pass, said once in PostgreSQL, and honoured by every guard that a blocker has.

What an override covers is read from the finding, not from whoever writes: `curation_substance` names it, and is NULL
for what nobody may override (consent, environment, personal data, secrets, kind, an exact duplicate, a row that was not
compared at all). A finding of another item, found by another method, or of another check has another name.
"""

from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

COVERED = """
CREATE FUNCTION curation_substance(check_name text, evidence jsonb) RETURNS text
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

-- Whether a confirmed override covers what the check found of the case.
CREATE FUNCTION curation_covered(covered_case bigint, covered_check text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM curation_override o
        JOIN curation_blocker b ON b.case_id = o.case_id AND b.check_name = o.check_name
        WHERE o.case_id = covered_case AND o.check_name = covered_check AND o.state = 'confirmed'
          AND o.substance = curation_substance(b.check_name::text, b.evidence))
$$;

CREATE FUNCTION curation_holds_role(account bigint, VARIADIC roles text[]) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT EXISTS (
        SELECT FROM auth_user u
        LEFT JOIN auth_user_groups m ON m.user_id = u.id LEFT JOIN auth_group g ON g.id = m.group_id
        WHERE u.id = account AND u.is_active AND (u.is_superuser OR g.name = ANY (roles)))
$$;
"""

GUARD = """
CREATE FUNCTION curation_guard_override() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    stopping record;
BEGIN
    SELECT b.check_name, b.score, b."limit", b.message, b.evidence, k.state, k.verdict, k.screened_epoch,
           curation_substance(b.check_name::text, b.evidence) AS substance INTO stopping
        FROM curation_case k
        JOIN curation_blocker b ON b.case_id = k.id AND b.check_name = NEW.check_name AND b.blocking
        WHERE k.id = NEW.case_id;
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'requested' THEN
            RAISE EXCEPTION 'an override begins as requested, not as %', NEW.state USING ERRCODE = 'restrict_violation';
        END IF;
        IF stopping.substance IS NULL THEN
            RAISE EXCEPTION 'case %: no % finding stops it that people may override', NEW.case_id, NEW.check_name
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF stopping.screened_epoch IS DISTINCT FROM curation_current_epoch()
           OR NOT (stopping.state = 'open' OR stopping.state = 'decided' AND stopping.verdict = 'accepted') THEN
            RAISE EXCEPTION 'case %: not open and screened under the current epoch', NEW.case_id
                USING ERRCODE = 'restrict_violation';
        END IF;
        IF NOT curation_holds_role(NEW.requested_by_id, 'reviewer', 'lead') THEN
            RAISE EXCEPTION 'override: only a reviewer or a lead asks for one' USING ERRCODE = 'restrict_violation';
        END IF;
        NEW.substance := stopping.substance;
        NEW.epoch := stopping.screened_epoch;
        NEW.finding := jsonb_build_object(
            'score', stopping.score, 'limit', stopping."limit", 'message', stopping.message,
            'evidence', stopping.evidence);
        RETURN NEW;
    END IF;
    IF to_jsonb(NEW) - '{state,settled_by_id,settled_at,note}'::text[]
       <> to_jsonb(OLD) - '{state,settled_by_id,settled_at,note}'::text[] THEN
        RAISE EXCEPTION 'override %: what it covers, why and for whom is fixed', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF (OLD.state, NEW.state) NOT IN (('requested', 'confirmed'), ('requested', 'declined'),
                                      ('requested', 'withdrawn'), ('confirmed', 'withdrawn')) THEN
        RAISE EXCEPTION 'override %: % does not become %', OLD.id, OLD.state, NEW.state
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF NOT (curation_holds_role(NEW.settled_by_id, 'lead')
            OR NEW.state = 'withdrawn' AND OLD.state = 'requested' AND NEW.settled_by_id = OLD.requested_by_id) THEN
        RAISE EXCEPTION 'override %: a lead settles it', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'confirmed' AND (stopping.substance IS DISTINCT FROM OLD.substance
                                    OR stopping.screened_epoch IS DISTINCT FROM curation_current_epoch()) THEN
        RAISE EXCEPTION 'override %: it is not what stops case % now', OLD.id, OLD.case_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER curation_guard_override BEFORE INSERT OR UPDATE ON curation_override
    FOR EACH ROW EXECUTE FUNCTION curation_guard_override();
CREATE TRIGGER curation_deny BEFORE DELETE ON curation_override FOR EACH ROW EXECUTE FUNCTION curation_deny();
"""

DROP = """
DROP TRIGGER curation_deny ON curation_override;
DROP TRIGGER curation_guard_override ON curation_override;
DROP FUNCTION curation_guard_override, curation_covered, curation_substance, curation_holds_role;
"""

GUARDS = ("curation_guard_case", "curation_guard_pair", "curation_guard_frozen_rows")
STRICT, HONOURING = "b.blocking)", "b.blocking AND NOT curation_covered(b.case_id, b.check_name::text))"


def honour_overrides(apps: Any, schema_editor: Any) -> None:
    """The guards of cases, pairs and frozen rows read a finding that is covered as one that does not block."""
    rewrite(schema_editor, STRICT, HONOURING)


def ignore_overrides(apps: Any, schema_editor: Any) -> None:
    rewrite(schema_editor, HONOURING, STRICT)


def rewrite(schema_editor: Any, before: str, after: str) -> None:
    """Replace one condition in each guard, whatever else its text has become."""
    with schema_editor.connection.cursor() as cursor:
        for name in GUARDS:
            cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
            text = cursor.fetchone()[0]
            if text.count(before) != 1:
                raise ValueError(f"{name} does not say {before!r} exactly once.")
            cursor.execute(text.replace(before, after))


class Migration(migrations.Migration):
    dependencies = [
        ("curation", "0005_inquiries"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Override",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "check_name",
                    models.CharField(
                        choices=[
                            ("consent", "Consent"),
                            ("environment", "Environment"),
                            ("personal_data", "Personal data"),
                            ("secret", "Secrets"),
                            ("overlap", "Held-out overlap"),
                            ("duplicate", "Duplicate"),
                            ("author_share", "Author's share"),
                            ("commentary", "Reads like commentary"),
                            ("kind", "Kind"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "substance",
                    models.CharField(editable=False, help_text="What it covers; set by PostgreSQL.", max_length=300),
                ),
                (
                    "finding",
                    models.JSONField(
                        default=dict, editable=False, help_text="Score, limit, message, evidence as they were."
                    ),
                ),
                ("epoch", models.PositiveIntegerField(editable=False, null=True)),
                ("reason", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("requested", "Waiting for a lead"),
                            ("confirmed", "Confirmed"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="requested",
                        max_length=9,
                    ),
                ),
                ("requested_at", models.DateTimeField(auto_now_add=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("note", models.CharField(blank=True, help_text="What the lead said.", max_length=500)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="overrides", to="curation.case"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "settled_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "requested")), fields=["id"], name="override_waiting")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ["requested", "confirmed"])),
                        fields=("case", "check_name", "substance"),
                        name="one_override_a_finding",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("settled_at__isnull", True), ("settled_by__isnull", True), ("state", "requested")
                            ),
                            models.Q(
                                models.Q(("state", "requested"), _negated=True),
                                ("settled_at__isnull", False),
                                ("settled_by__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="settled_override_says_by_whom",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("state__in", ["confirmed", "declined"]), _negated=True),
                            models.Q(("settled_by", models.F("requested_by")), _negated=True),
                            _connector="OR",
                        ),
                        name="override_needs_two_people",
                    ),
                    models.CheckConstraint(condition=models.Q(("reason__regex", "\\S")), name="override_has_a_reason"),
                ],
            },
        ),
        migrations.RunSQL(COVERED + GUARD, DROP),
        migrations.RunPython(honour_overrides, ignore_overrides),
    ]
