"""Hashes that stand for ids: the same with the same key, another with another, and nobody can list them."""

from hashlib import blake2b

import pytest

import bayesltv as ltv
from bayesltv.redaction import KEY_VARIABLE, redaction_of

SECRET = "a secret of more than sixteen bytes"


@pytest.fixture(autouse=True)
def no_key(monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def test_a_hash_is_that_of_keyed_blake2b(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    expected = blake2b(b"00017", digest_size=10, key=SECRET.encode()).hexdigest()
    assert redaction_of().hashed("00017") == f"#{expected}"
    assert redaction_of().repeats


def test_the_same_key_gives_the_same_hash_from_file_and_environment(monkeypatch, tmp_path):
    file = tmp_path / "key"
    file.write_text(SECRET + "\n")
    from_file = redaction_of(file)
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    assert from_file.hashed("00017") == redaction_of().hashed("00017")
    monkeypatch.setenv(KEY_VARIABLE, SECRET[::-1])
    assert from_file.hashed("00017") == redaction_of(file).hashed("00017") != redaction_of().hashed("00017")


def test_without_a_key_no_two_runs_agree_and_it_is_said():
    first, second = redaction_of(), redaction_of()
    assert first.hashed("00017") == first.hashed("00017") != second.hashed("00017")
    assert first.described() == {
        "hash_bits": 80,
        "repeats": False,
        "note": "made with a random key: hashes do not repeat",
    }


def test_five_digit_ids_cannot_be_listed_without_the_key():
    """A list of what every five-digit id hashes to without the key, or with another, meets none of ours."""
    ours = redaction_of()
    ids = [f"{n:05d}" for n in range(100_000)]
    hashes = {ours.hashed(each) for each in ids}
    assert len(hashes) == 100_000
    listed = {"#" + blake2b(each.encode(), digest_size=10).hexdigest() for each in ids}
    other = redaction_of()
    assert not hashes & listed
    assert not hashes & {other.hashed(each) for each in ids[:1_000]}


def test_a_long_key_counts_as_a_whole(tmp_path):
    for name, text in (("a", "x" * 100), ("b", "x" * 99 + "y")):
        (tmp_path / name).write_text(text)
    assert redaction_of(tmp_path / "a").hashed("1") != redaction_of(tmp_path / "b").hashed("1")


@pytest.mark.parametrize("text", ["", "short", " " * 40, "fifteen bytes.."])
def test_a_key_that_could_be_guessed_is_refused(text, tmp_path):
    (tmp_path / "key").write_text(text)
    with pytest.raises(ltv.StoreError, match="too few for a secret: give 16 or more"):
        redaction_of(tmp_path / "key")


def test_a_key_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ltv.StoreError, match=r"the key file .*nope cannot be read"):
        redaction_of(tmp_path / "nope")


def test_the_key_shows_nowhere(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    assert SECRET not in repr(redaction_of())
    assert SECRET not in str(redaction_of().described())
