"""A file written aside is there whole or not at all, and nothing is left beside it."""

import stat

import pytest

from cftapp.base import files


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_it_takes_the_place_of_what_was_there(tmp_path):
    path = tmp_path / "new folder" / "report.txt"
    files.write(path, "first")
    files.write(path, b"second", durable=False)
    assert path.read_text() == "second"
    assert list(path.parent.iterdir()) == [path]


def test_it_is_not_there_before_the_block_ends(tmp_path):
    path = tmp_path / "report.txt"
    with files.replacing(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_text() == "half"


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "report.txt"
    path.write_text("whole")
    with pytest.raises(RuntimeError), files.replacing(path) as file:
        file.write(b"half")
        raise RuntimeError("no more")
    assert path.read_text() == "whole"
    assert list(tmp_path.iterdir()) == [path]


def test_a_private_one_is_its_owners_from_the_first_byte(tmp_path):
    path = tmp_path / "secrets.json"
    with files.replacing(path, private=True) as file:
        file.write(b"{}")
        (aside,) = tmp_path.iterdir()
        assert mode(aside) == 0o600
    assert mode(path) == 0o600


def test_what_a_killed_writer_left_is_forgotten_with_the_file(tmp_path):
    path, other = tmp_path / "rows.jsonl", tmp_path / "manifest.json"
    other.touch()
    writer = files.replacing(path)
    writer.__enter__().close()  # and is killed here
    path.write_text("whole")
    files.forget(path)
    assert list(tmp_path.iterdir()) == [other]
