"""Keys of the assessor's clients: the file, and the commands that write it."""

import hmac
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signalbox import keys
from signalbox.cli import installed_app
from signalbox.errors import InputError

HASH = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"  # of the text `secret`
ENTRY = f"- client: reports\n  sha256: {HASH}\n"


def test_a_key_matches_by_its_hash_alone():
    (entry,) = keys.parse(ENTRY)
    assert keys.digest("secret") == HASH
    assert keys.find([entry], "secret") == entry
    assert keys.find([entry], "secret ") is None
    assert keys.find([entry], HASH) is None
    assert keys.find([], "secret") is None


def test_every_entry_is_compared_in_constant_time(monkeypatch):
    entries = [keys.ClientKey(client=name, sha256=keys.digest(name)) for name in ("a", "b", "c")]
    compared = []
    monkeypatch.setattr(
        keys.hmac, "compare_digest", lambda left, right: compared.append(left) or left == right
    )
    assert keys.find(entries, "a") == entries[0]
    assert compared == [entry.sha256 for entry in entries]
    monkeypatch.undo()
    assert keys.hmac.compare_digest is hmac.compare_digest


def test_a_new_key_is_random_recognizable_and_stored_as_a_hash_only():
    added, key = keys.add([], "reports")
    again, other = keys.add(added, "reports")
    assert key != other
    assert key.startswith("signalbox_")
    assert len(key.removeprefix("signalbox_")) == 43  # 256 bits in base64
    text = keys.dump(again)
    assert key not in text
    assert other not in text
    assert [keys.find(keys.parse(text), each) for each in (key, other)] == again


def test_keys_are_read_back_as_they_were_written():
    until = datetime(2027, 1, 31, tzinfo=UTC)
    added, _ = keys.add([], "reports", requests_per_minute=60, burst=5, expires=until)
    assert keys.parse(keys.dump(added)) == added
    assert keys.parse(keys.dump([])) == []


def test_a_date_ends_a_key_with_its_first_moment_in_utc():
    (entry,) = keys.parse(ENTRY + "  expires: 2027-01-31\n")
    assert entry.expires == datetime(2027, 1, 31, tzinfo=UTC)


def test_a_further_key_of_a_client_has_its_limit_and_a_new_limit_applies_to_all():
    first, _ = keys.add([], "reports", requests_per_minute=60)
    second, _ = keys.add(first, "reports")
    third, _ = keys.add(second, "reports", requests_per_minute=90)
    assert [entry.requests_per_minute for entry in second] == [60, 60]
    assert [entry.requests_per_minute for entry in third] == [90, 90, 90]


WRONG = {
    "no YAML": ("- [", "clients", "line 1 cannot be read"),
    "no list": ("reports: x", "clients", "valid list"),
    "nothing": ("", "clients", "valid list"),
    "a key in place of its hash": (
        "- client: reports\n  sha256: signalbox_AbC",
        "clients.0.sha256",
        "64 hexadecimal",
    ),
    "a name with a colon": (f"- client: 'a:b'\n  sha256: {HASH}", "clients.0.client", "match pattern"),
    "a misspelt field": (ENTRY + "  requests_per_min: 5", "clients.0", "Extra inputs"),
    "no requests at all": (
        ENTRY + "  requests_per_minute: 0",
        "clients.0.requests_per_minute",
        "greater than 0",
    ),
    "a time without its zone": (ENTRY + "  expires: 2027-01-31 12:00:00", "clients.0.expires", "timezone"),
    "a day that does not exist": (ENTRY + "  expires: 2027-02-31", "clients", "cannot be read"),
    "a burst without a limit": (ENTRY + "  burst: 5", "burst of reports", "Set requests_per_minute"),
    "a hash in two entries": (ENTRY + ENTRY, "sha256", "is in two entries"),
    "two limits of one client": (
        ENTRY + f"- client: reports\n  sha256: {HASH[::-1]}\n  requests_per_minute: 5",
        "requests_per_minute of reports",
        "the same",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_rejected_with_field_and_hint_and_no_key(case):
    text, field, hint = WRONG[case]
    with pytest.raises(InputError) as caught:
        keys.parse(text)
    assert caught.value.field == field
    assert hint in str(caught.value)
    assert "AbC" not in str(caught.value)


def test_a_client_or_one_key_is_revoked():
    entries, _ = keys.add(keys.parse(ENTRY), "reports")
    entries, _ = keys.add(entries, "web")
    remaining, revoked = keys.revoke(entries, HASH[:8])
    assert [entry.sha256 for entry in revoked] == [HASH]
    assert len(remaining) == 2
    remaining, revoked = keys.revoke(entries, "reports")
    assert [entry.client for entry in remaining] == ["web"]
    for name in ("nobody", HASH[:7], "f" * 64):
        with pytest.raises(InputError, match="keys list"):
            keys.revoke(entries, name)


# --- commands ---------------------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "folder" / "clients.yaml"
    monkeypatch.setenv("SIGNALBOX_API_KEYS_FILE", str(path))
    monkeypatch.setenv("COLUMNS", "200")
    return path


def run(*arguments: str):
    return CliRunner().invoke(installed_app(), ["keys", *arguments])


def test_add_prints_the_key_alone_once_and_writes_for_the_owner_only(file):
    result = run("add", "reports", "--requests-per-minute", "60", "--burst", "5", "--expires", "2027-01-31")
    key = result.stdout.strip()
    assert result.exit_code == 0, result.output
    assert key not in result.stderr
    (entry,) = keys.load(file)
    assert keys.find([entry], key) == entry
    assert (entry.requests_per_minute, entry.burst) == (60, 5)
    assert entry.expires == datetime(2027, 1, 31, tzinfo=UTC)
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]  # nothing half-written is left


def test_add_fills_an_empty_file(file):
    file.parent.mkdir()
    file.touch()
    assert run("add", "reports").exit_code == 0
    assert [entry.client for entry in keys.load(file)] == ["reports"]


def test_a_rejected_addition_leaves_the_file_as_it_was(file):
    run("add", "reports")
    before = file.read_bytes()
    result = run("add", "not a name")
    assert result.exit_code == 2
    assert "client" in result.stderr
    assert file.read_bytes() == before


def test_list_shows_clients_and_never_a_whole_hash(file):
    run("add", "reports", "--requests-per-minute", "60")
    output = run("list").stdout
    (entry,) = keys.load(file)
    assert "reports" in output
    assert entry.sha256[:8] in output
    assert entry.sha256 not in output


def test_revoke_deletes_the_key(file):
    run("add", "reports")
    run("add", "web")
    assert run("revoke", "reports").exit_code == 0
    assert [entry.client for entry in keys.load(file)] == ["web"]
    result = run("revoke", "reports")
    assert result.exit_code == 2
    assert "keys list" in result.stderr


@pytest.mark.parametrize("command", [("list",), ("add", "reports"), ("revoke", "reports")])
def test_without_a_file_the_command_shows_how_to_set_one(command, monkeypatch):
    monkeypatch.delenv("SIGNALBOX_API_KEYS_FILE", raising=False)
    result = run(*command)
    assert result.exit_code == 2
    assert "--file or SIGNALBOX_API_KEYS_FILE" in result.stderr


def test_a_file_that_cannot_be_read_is_named(file):
    result = run("list")
    assert result.exit_code == 2
    assert f"error: Cannot read {file}: No such file or directory." in result.stderr
    assert "hint: Check --file" in result.stderr
