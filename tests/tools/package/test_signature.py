"""Charts that a key signs: helm verifies them, and rejects what was changed."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from signalbox.errors import InputError, SetupError
from tests.tools.oci import standin
from tools.oci.layout import Layout
from tools.package.build import build, verify
from tools.package.push import push_charts, target

KEY = "throwaway@example.org"


@pytest.fixture(scope="module")
def home():
    """A home of gpg with keys for these tests. Its path is short, because the agent's socket is in it."""
    if shutil.which("gpg") is None:
        pytest.skip("gpg is missing: apt-get install gnupg")
    folder = Path(tempfile.mkdtemp(prefix="gpg-", dir="/tmp"))
    before = os.environ.get("GNUPGHOME")
    os.environ["GNUPGHOME"] = str(folder)
    try:
        for name, kind in ((KEY, "rsa2048"), ("ed25519@example.org", "ed25519")):
            words = ["--batch", "--quiet", "--passphrase", "", "--quick-generate-key", name, kind, "sign"]
            subprocess.run(["gpg", *words], check=True, capture_output=True)
        yield folder
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)
        os.environ.pop("GNUPGHOME") if before is None else os.environ.update(GNUPGHOME=before)


@pytest.fixture(scope="module")
def package(home, tmp_path_factory):
    folder = tmp_path_factory.mktemp("package")
    list(build(folder, key=KEY))
    return folder


def test_helm_verifies_every_archive(package, helm):
    archives = list((package / "charts").glob("*.tgz"))
    for archive in archives:
        done = helm("verify", archive, "--keyring", package / "signing-key.gpg")
        assert done.returncode == 0, done.stderr
        assert KEY in done.stdout
    assert [line for line in verify(package) if line.endswith("is signed")] == [
        f"{archive.name} is signed" for archive in sorted(archives)
    ]


def test_helm_rejects_an_archive_that_was_changed(package, helm, tmp_path):
    shutil.copytree(package, tmp_path / "copy")
    (archive,) = (tmp_path / "copy" / "charts").glob("assessor-*.tgz")
    archive.write_bytes((next((package / "charts").glob("pipelines-*.tgz"))).read_bytes())
    done = helm("verify", archive, "--keyring", package / "signing-key.gpg")
    assert done.returncode != 0
    assert "sha256 sum does not match" in done.stderr


def test_the_statement_is_signed(package, home):
    words = ["--verify", package / "provenance.json.asc", package / "provenance.json"]
    done = subprocess.run(["gpg", *map(str, words)], capture_output=True, text=True, check=False)
    assert "Good signature" in done.stderr


def test_the_signature_is_pulled_from_a_registry_with_the_chart(package, helm, tmp_path):
    with standin.running() as registry:
        list(push_charts(Layout(package / "oci"), target(registry.host)))
        place = f"oci://{registry.host}/signalbox/charts/assessor"
        words = ("--verify", "--keyring", package / "signing-key.gpg", "--destination", tmp_path)
        done = helm("pull", place, "--version", "0.2.0", "--plain-http", *words)
    assert done.returncode == 0, done.stderr
    assert {path.suffix for path in tmp_path.glob("assessor-*")} == {".tgz", ".prov"}


def test_an_unknown_key_is_named(home, tmp_path):
    with pytest.raises(InputError, match=r"KEY: got 'nobody@example\.org'"):
        list(build(tmp_path, key="nobody@example.org"))


def test_a_key_that_helm_cannot_read_is_reported(home, tmp_path):
    with pytest.raises(SetupError, match="rsa4096"):
        list(build(tmp_path, key="ed25519@example.org"))
