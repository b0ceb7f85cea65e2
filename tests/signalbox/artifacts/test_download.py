"""Downloads from an S3 store: complete, verified, resumed, and repeated only where something changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import multiprocessing
import threading
from pathlib import Path

import pytest

from signalbox.artifacts.download import download
from signalbox.artifacts.s3 import Bucket
from signalbox.errors import InputError, SetupError
from tests.signalbox.artifacts.s3_server import KEYS, FakeStore, serving

CONFIG, WEIGHTS = b'{"model_type": "llama"}', bytes(range(256)) * 4000
FILES = {
    "llama/config.json": CONFIG,
    "llama/model-00001.safetensors": WEIGHTS,
    "llama/model-00002.safetensors": WEIGHTS[::-1],
    "llama/sub/Größe 1+2.txt": b"text",
    "llama/sub/": b"",
    "llama-2/config.json": b"another model",
}
PATHS = {"config.json", "model-00001.safetensors", "model-00002.safetensors", "sub/Größe 1+2.txt"}


@pytest.fixture(name="store")
def store_fixture():
    with serving(FakeStore(dict(FILES))) as store:
        yield store


def fetch(store: FakeStore, folder: Path, prefix: str = "llama", report=lambda line: None) -> set[str]:
    with Bucket(store.bucket, store.endpoint, "eu-central-1", None if store.public else KEYS) as bucket:
        return set(download(bucket, prefix, folder, report, wait_seconds=0))


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".download"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def object_requests(store: FakeStore) -> list[tuple[str, str]]:
    return [request for request in store.requests if request[0].count("/") > 1]


def expected() -> dict[str, bytes]:
    return {path: FILES[f"llama/{path}"] for path in PATHS}


@pytest.mark.parametrize("prefix", ["llama", "llama/", "/llama"])
def test_all_files_of_a_prefix_arrive(store, tmp_path, prefix):
    assert fetch(store, tmp_path / "model", prefix) == PATHS
    assert contents(tmp_path / "model") == expected()


def test_a_public_bucket_needs_no_keys(store, tmp_path):
    store.public = True
    assert fetch(store, tmp_path) == PATHS


def test_a_single_object_is_a_file(store, tmp_path):
    assert fetch(store, tmp_path, "llama/config.json") == {"config.json"}
    assert contents(tmp_path) == {"config.json": CONFIG}


def test_nothing_is_downloaded_twice(store, tmp_path):
    fetch(store, tmp_path)
    store.requests.clear()
    lines: list[str] = []
    assert fetch(store, tmp_path, report=lines.append) == PATHS
    assert object_requests(store) == []
    assert lines == ["4 files, 0 to download (0.00 GiB)"]


@pytest.mark.parametrize("damage", ["etag", "size", "missing"])
def test_a_file_that_changed_is_downloaded_again(store, tmp_path, damage):
    fetch(store, tmp_path)
    file = tmp_path / "config.json"
    if damage == "etag":
        store.objects["llama/config.json"] = b"{}"
    elif damage == "size":
        file.write_bytes(b"half")
    else:
        file.unlink()
    store.requests.clear()
    fetch(store, tmp_path)
    assert [path for path, _ in object_requests(store)] == ["/models/llama/config.json"]
    assert file.read_bytes() == store.objects["llama/config.json"]


def test_files_that_left_the_prefix_are_removed_and_others_stay(store, tmp_path):
    fetch(store, tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    del store.objects["llama/model-00002.safetensors"]
    fetch(store, tmp_path)
    assert contents(tmp_path).keys() == PATHS - {"model-00002.safetensors"} | {"notes.txt"}


def test_a_connection_that_breaks_off_is_resumed(store, tmp_path):
    store.cut, store.cuts = 100_000, 12
    lines: list[str] = []
    fetch(store, tmp_path, report=lines.append)
    assert contents(tmp_path) == expected()
    ranges = {start for path, start in object_requests(store) if path.endswith("00001.safetensors")}
    assert "bytes=100000-" in ranges
    assert any("the connection broke off" in line for line in lines)


def test_a_part_of_an_earlier_start_is_resumed(store, tmp_path):
    """A connection that stays broken ends the pod; the next one continues."""
    store.cut, store.cuts = 1, 10_000
    store.objects = {"llama/model.safetensors": WEIGHTS}
    store.ranges = False
    with pytest.raises(SetupError, match="could not be downloaded: the connection broke off"):
        fetch(store, tmp_path)
    assert not (tmp_path / "model.safetensors").exists()
    (part,) = tmp_path.glob(".model.safetensors.*.part")
    part.write_bytes(WEIGHTS[:5000])
    store.cuts, store.ranges = 0, True
    store.requests.clear()
    fetch(store, tmp_path)
    assert object_requests(store) == [("/models/llama/model.safetensors", "bytes=5000-")]
    assert contents(tmp_path) == {"model.safetensors": WEIGHTS}


def test_a_store_that_ignores_ranges_starts_again(store, tmp_path):
    store.objects = {"llama/model.safetensors": WEIGHTS}
    store.ranges, store.cut, store.cuts = False, 100_000, 2
    fetch(store, tmp_path)
    assert contents(tmp_path) == {"model.safetensors": WEIGHTS}


def test_a_part_of_another_version_is_not_continued(store, tmp_path):
    (tmp_path / ".config.json.0123456789abcdef.part").write_bytes(b"old")
    fetch(store, tmp_path)
    assert contents(tmp_path) == expected()


def test_a_wrong_content_is_rejected(store, tmp_path):
    store.etags["llama/config.json"] = "0" * 32
    with pytest.raises(SetupError, match="the content does not match its checksum"):
        fetch(store, tmp_path)
    assert "config.json" not in contents(tmp_path)


@pytest.mark.parametrize(
    ("etag", "headers"),
    [
        (f"{'0' * 32}-2", {}),
        ("0" * 32, {"x-amz-server-side-encryption": "aws:kms"}),
        ("0" * 32, {"x-amz-server-side-encryption-customer-algorithm": "AES256"}),
    ],
)
def test_an_entity_tag_that_is_no_md5_is_not_compared(store, tmp_path, etag, headers):
    store.etags["llama/config.json"], store.headers = etag, headers
    assert fetch(store, tmp_path) == PATHS


def test_a_list_of_checksums_is_compared(store, tmp_path):
    sums = {name: hashlib.sha256(FILES[f"llama/{name}"]).hexdigest() for name in PATHS}
    sums["sub/Größe 1+2.txt"] = hashlib.sha256(b"other").hexdigest()
    lines = [f"{value}  {name}" for name, value in sums.items()]
    store.objects["llama/SHA256SUMS"] = "\n".join(lines).encode()
    with pytest.raises(SetupError, match="does not match its checksum"):
        fetch(store, tmp_path)
    good = f"{hashlib.sha256(b'text').hexdigest()} *./sub/Größe 1+2.txt\n"
    store.objects["llama/SHA256SUMS"] = good.encode()
    assert fetch(store, tmp_path) == PATHS


def test_a_list_of_checksums_with_a_missing_file_is_an_incomplete_upload(store, tmp_path):
    store.objects["llama/SHA256SUMS"] = b"0  model-00003.safetensors\n"
    with pytest.raises(SetupError, match=r"lists `model-00003\.safetensors`, which does not exist"):
        fetch(store, tmp_path)


def test_another_download_into_the_folder_is_waited_for(store, tmp_path):
    lines: list[str] = []
    waiting = threading.Event()

    def report(line: str) -> None:
        lines.append(line)
        waiting.set()

    with (tmp_path / ".download.lock").open("w") as lock:
        # A lock of this process would not exclude it, so another process holds it.
        ready, end = multiprocessing.Event(), multiprocessing.Event()
        holder = multiprocessing.get_context("fork").Process(target=_hold, args=(lock.name, ready, end))
        holder.start()
        assert ready.wait(10)
        worker = threading.Thread(target=fetch, args=(store, tmp_path), kwargs={"report": report})
        worker.start()
        assert waiting.wait(10)
        assert lines == ["another process downloads into this folder: waiting"]
        end.set()
        holder.join(10)
        worker.join(10)
    assert contents(tmp_path) == expected()


def _hold(path: str, ready, end) -> None:
    with Path(path).open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        ready.set()
        end.wait(10)


def test_a_volume_that_is_too_small_is_named_before_the_download(store, tmp_path, monkeypatch):
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("signalbox.artifacts.folder.shutil.disk_usage", lambda _: usage)
    with pytest.raises(SetupError, match=r"and `.*` has 0") as error:
        fetch(store, tmp_path)
    assert error.value.hint == "Use a larger volume (persistence.size)."
    assert object_requests(store) == []


@pytest.mark.parametrize("name", ["../outside", "a//b", ".download.json", "sub/./a"])
def test_a_key_that_is_no_path_below_the_folder_is_rejected(store, tmp_path, name):
    store.objects[f"llama/{name}"] = b"x"
    with pytest.raises(InputError, match="is no path of a file"):
        fetch(store, tmp_path / "model")
    assert list(tmp_path.rglob("outside")) == []


def test_a_damaged_index_is_written_again(store, tmp_path):
    fetch(store, tmp_path)
    (tmp_path / ".download.json").write_text("{", encoding="utf-8")
    fetch(store, tmp_path)
    assert json.loads((tmp_path / ".download.json").read_text(encoding="utf-8")).keys() == PATHS


def test_a_prefix_without_objects_is_named(store, tmp_path):
    with pytest.raises(InputError, match="`s3://models/lama` has no objects"):
        fetch(store, tmp_path, "lama")


def test_an_object_that_changes_in_between_is_named(store, tmp_path):
    with Bucket(store.bucket, store.endpoint, "", KEYS) as bucket:
        (item,) = bucket.objects("llama/config.json")
        store.objects["llama/config.json"] = b"{}"
        with pytest.raises(SetupError, match="changed during the download"), bucket.content(item):
            pass
