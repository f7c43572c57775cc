"""What decides an adapter's bytes, as bytes."""

from hashlib import sha256

from training.preparation import manifest

GIVEN = {
    "dataset": {"merkle_root": "ab" * 32, "pairs": 2, "replay": 3},
    "rows_sha256": "cd" * 32,
    "recipe": {"lr": 4e-3, "alpha": 16.0, "rank": 8},
    "base_sha256": "ef" * 32,
    "seed": 7,
    "threads": 1,
    "device": "cpu",
    "dtype": "auto",
    "versions": {"torch": "2.13.0+cpu"},
}


def test_the_bytes_are_canonical():
    small = manifest.encode({"b": 1, "a": {"y": 4e-3, "x": 16.0}, "ü": "é"})
    assert small == '{"a":{"x":16,"y":0.004},"b":1,"ü":"é"}'.encode()


def test_the_same_question_has_the_same_hash_in_any_order():
    turned = dict(reversed(list(GIVEN.items())))
    one, other = manifest.build(**GIVEN), manifest.build(**turned)
    assert manifest.encode(one) == manifest.encode(other)
    assert manifest.digest(one) == sha256(manifest.encode(one)).hexdigest()


def test_everything_that_is_asked_changes_the_hash():
    usual = manifest.digest(manifest.build(**GIVEN))
    changes = [
        {"seed": 8},
        {"threads": 2},
        {"device": "cuda"},
        {"dtype": "bfloat16"},
        {"rows_sha256": "00" * 32},
        {"base_sha256": "00" * 32},
        {"recipe": {**GIVEN["recipe"], "rank": 9}},
        {"dataset": {**GIVEN["dataset"], "merkle_root": "00" * 32}},
        {"versions": {"torch": "2.14.0"}},
    ]
    hashes = {manifest.digest(manifest.build(**GIVEN | change)) for change in changes}
    assert len(hashes) == len(changes)
    assert usual not in hashes


def test_it_names_no_path_and_follows_from_its_values():
    built = manifest.build(**GIVEN)
    assert built["base_model"] == "base-efefefefefef"
    assert built["run"] == manifest.build(**GIVEN)["run"] != manifest.build(**GIVEN | {"seed": 8})["run"]
    assert "/" not in manifest.encode(built).decode()


def test_a_difference_is_named_by_its_path():
    before = manifest.build(**GIVEN)
    after = manifest.build(**GIVEN | {"seed": 8, "versions": {"torch": "2.14.0"}})
    assert manifest.difference(before, after) == ["seed: 7 → 8", "versions.torch: 2.13.0+cpu → 2.14.0"]
    assert manifest.difference(before, before) == []


def test_the_libraries_that_compute_are_named():
    versions = manifest.library_versions()
    assert {"torch", "transformers", "peft", "safetensors", "python", "machine"} <= versions.keys()
    assert manifest.installed("no-such-library") == "not installed"
