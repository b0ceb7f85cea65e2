"""Digests of base images, against a stand-in for a registry."""

from pathlib import Path

import pytest
from rich.console import Console

from signalbox.errors import InputError, NotFoundError, SetupError
from tests.helpers import free_port
from tests.tools.oci import standin
from tools.images import base_digests
from tools.images.__main__ import main
from tools.images.base_digests import EXIT_MOVED, bases, run
from tools.images.catalogue import ROOT
from tools.oci.client import INDEX, MANIFEST

OLD, NEW = b'{"manifests":[1]}', b'{"manifests":[2]}'


@pytest.fixture
def registry():
    with standin.running() as state:
        state.put("library/python", "3.11.14-slim", INDEX, OLD)
        yield state


@pytest.fixture
def root(tmp_path, registry, monkeypatch):
    """A repository with two Dockerfiles on one base."""
    for name in ("A", "B"):
        (tmp_path / name).write_text(
            f"# {name}\nARG PYTHON_IMAGE={registry.host}/library/python:3.11.14-slim\n"
            "ARG BUILD_IMAGE=$PYTHON_IMAGE\nFROM $PYTHON_IMAGE\nARG PYTHON_IMAGE\n"
        )
    monkeypatch.setattr(base_digests, "IMAGES", [type("I", (), {"dockerfile": name}) for name in ("A", "B")])
    return tmp_path


def printed(root: Path, *, write: bool) -> tuple[int, str]:
    console = Console(record=True, quiet=False, file=(root / "out").open("w"), width=300)
    status = run(console, write=write, root=root)
    return status, console.export_text()


def test_a_base_without_a_digest_is_reported_and_then_pinned_in_all_dockerfiles(root, registry):
    digest = standin.digest_of(OLD)
    status, text = printed(root, write=False)
    assert status == EXIT_MOVED
    assert f"not pinned  {registry.host}/library/python:3.11.14-slim → {digest}" in text
    assert "@" not in (root / "A").read_text()
    status, _ = printed(root, write=True)
    assert status == 0
    pinned = f"ARG PYTHON_IMAGE={registry.host}/library/python:3.11.14-slim@{digest}\nARG BUILD_IMAGE=$P"
    assert all(pinned in (root / name).read_text() for name in ("A", "B"))
    status, text = printed(root, write=False)
    assert (status, text.split()[0]) == (0, "current")


def test_a_tag_that_moved_is_reported_with_both_digests(root, registry):
    printed(root, write=True)
    registry.put("library/python", "3.11.14-slim", INDEX, NEW)
    status, text = printed(root, write=False)
    old, new = standin.digest_of(OLD), standin.digest_of(NEW)
    assert status == EXIT_MOVED
    assert f"moved       {registry.host}/library/python:3.11.14-slim {old} → {new}" in text
    printed(root, write=True)
    assert old not in (root / "A").read_text()
    assert new in (root / "B").read_text()


def test_an_image_of_one_platform_is_pointed_out(root, registry):
    registry.put("library/python", "3.11.14-slim", MANIFEST, NEW)
    assert "(one platform only)" in printed(root, write=False)[1]
    registry.put("library/python", "3.11.14-slim", INDEX, NEW)
    assert "(one platform only)" not in printed(root, write=False)[1]


def test_a_tag_that_is_gone_is_named(root, registry):
    registry.manifests.clear()
    with pytest.raises(NotFoundError, match=r"library/python/manifests/3\.11\.14-slim"):
        printed(root, write=False)


def test_without_the_registry_nothing_is_written_and_the_tag_stays(root):
    text = f"ARG PYTHON_IMAGE=127.0.0.1:{free_port()}/library/python:3\n"
    (root / "B").write_text(text)
    before = (root / "A").read_text()
    with pytest.raises(SetupError, match="does not answer"):
        printed(root, write=True)
    assert (root / "A").read_text() == before
    assert (root / "B").read_text() == text


def test_a_digest_without_a_tag_shows_no_move_and_is_rejected(root):
    (root / "A").write_text(f"ARG PYTHON_IMAGE=a.b/python@{standin.digest_of(OLD)}\n")
    with pytest.raises(InputError, match="Add the tag"):
        bases(root)


def test_the_bases_of_this_repository_are_read():
    dockerfiles = {base.reference.repository: base.dockerfiles for base in bases(ROOT)}
    assert dockerfiles["library/python"] == (
        "images/llama-server/Dockerfile",
        "images/mlflow/Dockerfile",
        "images/python.Dockerfile",
    )
    assert dockerfiles["library/debian"] == ("images/llama-server/Dockerfile",)


def test_check_or_update_has_to_be_named(capsys):
    with pytest.raises(SystemExit):
        main(["bases"])
    assert "--check" in capsys.readouterr().err


def test_a_wrong_image_is_wrong_input(capsys):
    assert main(["paths", "asessor"]) == 2
    assert "error: image: got 'asessor'." in capsys.readouterr().out
