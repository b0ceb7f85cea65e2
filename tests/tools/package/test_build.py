"""What `make package` writes: the same bytes each time, readable by helm, with digests that hold."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from signalbox.errors import InputError, SetupError
from tools.charts import charts
from tools.oci.layout import Layout
from tools.package import source as sources
from tools.package.build import build, verify
from tools.package.charts import package as package_chart
from tools.package.charts import reproducible
from tools.package.source import Source

NAMES = [chart.name for chart in charts()]


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def archive(members):
    """A .tgz as helm writes it: the order and the times are of this moment."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, mtime in members:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = 1, mtime
            tar.addfile(entry, io.BytesIO(b"x"))
    return buffer.getvalue()


def test_the_same_commit_gives_the_same_bytes(package, tmp_path):
    list(build(tmp_path))
    assert files(tmp_path) == files(package)


def test_the_order_and_times_that_helm_writes_do_not_matter():
    names = ["a/Chart.yaml", "a/charts/b/Chart.yaml", "a/charts/c/Chart.yaml"]
    first = archive((name, 10) for name in names)
    second = archive((name, 20) for name in [names[0], names[2], names[1]])
    assert first != second
    assert reproducible(first, 5) == reproducible(second, 5)
    with tarfile.open(fileobj=io.BytesIO(reproducible(first, 5))) as tar:
        assert [(member.name, member.mtime) for member in tar] == [(name, 5) for name in names]


def test_every_chart_is_packaged_and_listed(package):
    index = yaml.safe_load((package / "charts" / "index.yaml").read_text())
    assert sorted(index["entries"]) == NAMES
    for (entry,) in index["entries"].values():
        content = (package / "charts" / entry["urls"][0]).read_bytes()
        assert entry["digest"] == hashlib.sha256(content).hexdigest()
    assert len(Layout(package / "oci").index()) == len(NAMES)


def test_a_repository_by_plain_http_serves_the_charts(package, helm, tmp_path):
    with served(package / "charts") as url:
        assert helm("repo", "add", "signalbox", url).returncode == 0
        done = helm("pull", "signalbox/signalbox", "--destination", tmp_path)
        assert done.returncode == 0, done.stderr
    (name,) = [path.name for path in tmp_path.glob("*.tgz")]
    assert (tmp_path / name).read_bytes() == (package / "charts" / name).read_bytes()


@contextmanager
def served(folder):
    handler = partial(SimpleHTTPRequestHandler, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_url_of_a_repository_goes_into_its_index(tmp_path):
    list(build(tmp_path, url="https://charts.example.org/a/"))
    index = yaml.safe_load((tmp_path / "charts" / "index.yaml").read_text())
    (entry,) = index["entries"]["assessor"]
    assert entry["urls"] == [f"https://charts.example.org/a/assessor-{entry['version']}.tgz"]


def test_the_layout_is_also_one_file(package):
    with tarfile.open(package / "charts.oci.tar") as tar:
        content = {member.name: tar.extractfile(member).read() for member in tar if member.isfile()}
    assert {str(name): data for name, data in files(package / "oci").items()} == content


def test_the_statement_has_the_digest_of_each_archive_and_the_commit(package):
    content = json.loads((package / "provenance.json").read_text())
    names = {item["name"]: item["digest"]["sha256"] for item in content["subject"]}
    for path in (package / "charts").glob("*.tgz"):
        assert names[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(names) == 2 * len(NAMES)
    origin = sources.source()
    commits = [
        item["digest"]["gitCommit"]
        for item in content["predicate"]["buildDefinition"]["resolvedDependencies"]
    ]
    assert commits == ([origin.commit] if origin.commit else [])


def test_charts_that_were_not_committed_name_no_commit(monkeypatch):
    answers = {"log": "0a1b 1764374400", "status": " M charts/assessor/values.yaml"}
    monkeypatch.setattr(sources, "_git", lambda command, *_: answers[command])
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert sources.source() == Source("", 1764374400)
    answers["status"] = ""
    assert sources.source() == Source("0a1b", 1764374400)
    assert sources.source().time == "2025-11-29T00:00:00Z"


def test_a_wrong_source_date_epoch_is_named(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "today")
    with pytest.raises(InputError, match="SOURCE_DATE_EPOCH: got 'today'"):
        sources.source()


def test_a_changed_archive_is_reported(tmp_path):
    list(build(tmp_path))
    assert len(list(verify(tmp_path))) == 2 * len(NAMES)
    (path,) = (tmp_path / "charts").glob("assessor-*.tgz")
    path.write_bytes(gzip.compress(b"other"))
    with pytest.raises(SetupError, match="assessor-"):
        list(verify(tmp_path))


def test_a_changed_blob_is_reported(tmp_path):
    list(build(tmp_path))
    blob = next((tmp_path / "oci" / "blobs" / "sha256").iterdir())
    blob.write_bytes(b"other")
    with pytest.raises(SetupError, match="does not have its digest"):
        list(verify(tmp_path))


def test_other_files_of_the_folder_stay(tmp_path):
    (tmp_path / "mine").write_text("mine")
    list(build(tmp_path))
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_chart_that_helm_rejects_is_reported_in_its_words(tmp_path):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "Chart.yaml").write_text("apiVersion: v2\nname: bad\nversion: one\n")
    with pytest.raises(InputError, match="version"):
        package_chart(tmp_path / "bad", tmp_path, Source("", 0))
