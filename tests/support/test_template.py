"""The cluster that is kept between runs is never half-made, never of other migrations, never shared while it runs."""

from tests.support import template
from tests.support.template import Template


def cluster(folder, version="18\n"):
    folder.mkdir()
    (folder / "PG_VERSION").write_text(version)
    return folder


def tree(root, **changes):
    """A source tree with one migration, as far as the fingerprint looks."""
    files = {"audit/migrations/0001_initial.py": "1", "audit/models.py": "2", "audit/log.py": "3"} | changes
    for name in [*files, *template.ALSO]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(files.get(name, ""))
    return template.fingerprint(root)


def test_a_changed_migration_or_model_makes_another_and_other_code_does_not(tmp_path):
    one = tree(tmp_path)
    assert tree(tmp_path, **{"audit/log.py": "changed"}) == one
    assert tree(tmp_path, **{"audit/migrations/0001_initial.py": "changed"}) != one
    assert tree(tmp_path, **{"audit/migrations/0002_more.py": ""}) != one
    assert tree(tmp_path, **{"audit/models.py": "changed"}) != one


def test_there_is_none_before_one_is_kept(tmp_path):
    kept = Template(tmp_path / "kept")
    assert not kept.copy_to(tmp_path / "data")
    kept.keep(cluster(tmp_path / "made"))
    assert kept.copy_to(tmp_path / "data")
    assert (tmp_path / "data" / "PG_VERSION").read_text() == "18\n"


def test_what_a_killed_run_left_half_copied_is_not_used(tmp_path):
    kept = Template(tmp_path / "kept")
    cluster(tmp_path / "kept" / "postgres.new", "half")
    assert not kept.copy_to(tmp_path / "data")
    kept.keep(cluster(tmp_path / "made"))
    assert kept.copy_to(tmp_path / "data")
    assert (tmp_path / "data" / "PG_VERSION").read_text() == "18\n"


def test_two_runs_at_once_take_turns_and_whoever_waits_in_vain_does_without(tmp_path):
    first, second = Template(tmp_path / "kept"), Template(tmp_path / "kept")
    with first.lock() as alone:
        assert alone
        with second.lock(patience=0) as also:
            assert not also
    with second.lock(patience=0) as alone:
        assert alone


def test_every_run_gets_the_same_secrets(tmp_path):
    for var in (tmp_path / "one", tmp_path / "two"):
        Template(tmp_path / "kept").give_secrets(var)
    one, two = ((tmp_path / name / "secrets.json").read_text() for name in ("one", "two"))
    assert one == two != ""
    assert (tmp_path / "two" / "keys" / "audit-signing.pem").exists()


def test_only_the_newest_are_kept(tmp_path):
    for number in range(5):
        kept = Template(tmp_path / f"kept-{number}")
        kept.secrets.mkdir()
        kept.keep(cluster(tmp_path / f"made-{number}"))
    assert len(list(tmp_path.glob("kept-*"))) == template.KEPT
    assert (tmp_path / "kept-4").exists()
