from __future__ import annotations

from pathlib import Path

import pytest

from signalbox.errors import InputError, SetupError
from tools.images import build as building
from tools.images import catalogue
from tools.images.bases import BASES, bootstrap
from tools.images.catalogue import Image, copied, digest, needed_stages, select
from tools.images.commands import progress


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.setattr(catalogue, "ROOT", tmp_path)
    (tmp_path / "Dockerfile").write_text("FROM a\nCOPY src one.txt /app/\nCOPY --from=build /x /x\n")
    (tmp_path / ".dockerignore").write_text("*\n")
    (tmp_path / "one.txt").write_text("1")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("a = 1")
    return Image("one", "Dockerfile")


def test_what_other_stages_made_is_not_an_input(image: Image) -> None:
    assert copied(image.text()) == ["one.txt", "src"]


def test_digest_follows_what_goes_into_the_image(image: Image, tmp_path: Path) -> None:
    first = digest(image, "0.1.0")
    (tmp_path / "src" / "__pycache__").mkdir()
    (tmp_path / "src" / "__pycache__" / "a.pyc").write_text("compiled")
    (tmp_path / "other.txt").write_text("not copied")
    assert digest(image, "0.1.0") == first
    assert digest(image, "0.2.0") != first
    (tmp_path / "src" / "a.py").write_text("a = 2")
    assert digest(image, "0.1.0") != first


def test_a_copied_path_that_is_gone_is_named(image: Image, tmp_path: Path) -> None:
    (tmp_path / "one.txt").unlink()
    with pytest.raises(InputError, match=r"one\.txt"):
        digest(image)


def test_an_unknown_image_is_answered_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="assessor, encoder"):
        select(["asessor"])
    assert [image.name for image in select(["encoder"])] == ["encoder"]


def test_base_for_running_holds_no_package_manager() -> None:
    running = [base for base in BASES if base.argument != "BUILD_IMAGE"]
    assert {base.variant for base in running} == {"essential"}
    command = bootstrap(running[0], Path("base.tar"))
    assert "--include=ca-certificates,libstdc++6,python3" in command
    assert len({base.reference for base in BASES}) == len(BASES)


@pytest.mark.parametrize(
    ("line", "said", "shown"),
    [
        ("[1/2] STEP 4/16: RUN uv sync\n", 0, ("4/16 RUN uv sync", 0)),
        ("STEP 2/3: COPY a b\n", 0, (None, 0)),
        ("#9 [build 4/16] RUN uv sync\n", 0, ("4/16 RUN uv sync", 0)),
        ("[50/200] Building CXX object\n", 0, ("compiling: 20 %", 20)),
        ("[51/200] Building CXX object\n", 20, (None, 20)),
        ("Setting up g++\n", 40, (None, 40)),
    ],
)
def test_progress_shows_steps_and_fifths(line: str, said: int, shown: tuple[str | None, int]) -> None:
    assert progress(line, said) == shown


def test_a_machine_without_builders_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(building.os, "geteuid", lambda: 0)
    with pytest.raises(SetupError, match="apt-get install buildah mmdebstrap"):
        building.build_local([], tmp_path, None)
    monkeypatch.setattr(building.os, "geteuid", lambda: 1000)
    with pytest.raises(SetupError, match="as root"):
        building.build_local([], tmp_path, None)


def test_only_the_stages_of_the_target_count() -> None:
    dockerfile = (
        "ARG BASE=x\nFROM $BASE AS build\nCOPY lock .\n\nFROM build AS one-build\nCOPY one .\n"
        "\nFROM build AS two-build\nCOPY two .\n\nFROM $BASE AS one\nCOPY --from=one-build /a /a\n"
        "\nFROM $BASE AS two\nCOPY --from=two-build /a /a\n"
    )
    assert copied(needed_stages(dockerfile, "one")) == ["lock", "one"]
    assert copied(needed_stages(dockerfile, None)) == ["lock", "two"]
    assert needed_stages(dockerfile, "one").startswith("ARG BASE=x\nFROM $BASE AS build\n")
