"""Pushing to a stand-in for a registry on loopback, and what helm pulls and renders from it."""

import base64
import json
import os
import subprocess

import pytest
import yaml

from signalbox.errors import InputError, SetupError
from tests.charts.api_server import api_server
from tests.tools.images.container import pull
from tests.tools.oci import standin
from tools.charts import CHARTS, ROOT
from tools.charts.helm import KUBERNETES
from tools.cluster.images import archive
from tools.images.build import archive_of
from tools.images.catalogue import select, version
from tools.oci.layout import Layout
from tools.package.__main__ import main
from tools.package.push import push_charts, push_images, target


@pytest.fixture(scope="module")
def registry(package):
    """A registry with the charts in the folder `team`."""
    with standin.running() as state:
        list(push_charts(Layout(package / "oci"), target(f"{state.host}/team")))
        yield state


def versions(package):
    index = yaml.safe_load((package / "charts" / "index.yaml").read_text())
    return {name: entry["version"] for name, (entry,) in index["entries"].items()}


def test_helm_pulls_the_same_bytes(registry, package, helm, tmp_path):
    for name, number in versions(package).items():
        place = f"oci://{registry.host}/team/signalbox/charts/{name}"
        done = helm("pull", place, "--version", number, "--plain-http", "--destination", tmp_path)
        assert done.returncode == 0, done.stderr
        path = tmp_path / f"{name}-{number}.tgz"
        assert path.read_bytes() == (package / "charts" / path.name).read_bytes()


def test_the_stack_of_the_registry_renders_as_the_checkout_does(registry, package, helm):
    values = CHARTS / "signalbox" / "examples" / "two-models.yaml"
    options = ("--namespace", "signalbox", "--kube-version", KUBERNETES, "--values", values)
    remote = helm("template", "signalbox", *stack(registry, package), *options)
    assert remote.returncode == 0, remote.stderr
    local = helm("template", "signalbox", CHARTS / "signalbox", *options)
    assert objects(remote.stdout) == objects(local.stdout)


def test_the_stack_is_installed_from_the_registry(registry, package, tmp_path):
    with api_server(tmp_path) as server:
        options = ("--namespace", "signalbox", "--create-namespace")
        text = server.run("helm", "install", "signalbox", *stack(registry, package), *options)
        assert "STATUS: deployed" in text
        names = {
            item["metadata"]["name"]
            for item in server.objects("deployments", options[0], "signalbox")["items"]
        }
    assert {"model-server", "assessor", "assessor-encoder"} <= names


def stack(registry, package):
    """What helm needs to find the stack in the registry."""
    place = f"oci://{registry.host}/team/signalbox/charts/signalbox"
    return place, "--version", versions(package)["signalbox"], "--plain-http"


def objects(text):
    return [item for item in yaml.safe_load_all(text) if item]


def test_a_second_push_changes_nothing(registry, package):
    before = len([line for line in registry.requests if line.startswith("PUT")])
    lines = list(push_charts(Layout(package / "oci"), target(f"{registry.host}/team")))
    assert all(line.endswith("(unchanged)") for line in lines)
    assert len([line for line in registry.requests if line.startswith("PUT")]) == before


def test_another_content_under_the_same_version_needs_a_word(package):
    with standin.running() as state:
        number = versions(package)["assessor"]
        state.put("signalbox/charts/assessor", number, "application/json", b"{}")
        layout = Layout(package / "oci")
        with pytest.raises(InputError, match=f"charts/assessor:{number} has other content"):
            list(push_charts(layout, target(state.host)))
        list(push_charts(layout, target(state.host, overwrite=True)))
        assert state.manifests["signalbox/charts/assessor", number][1] != b"{}"


def test_images_are_pushed_from_their_archives(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "program").write_text("x")
    (image,) = select(["assessor"])
    archive(archive_of(image, tmp_path), image.reference(version()), tmp_path / "root", ("/program",))
    with standin.running() as state:
        (line,) = push_images([image], tmp_path, target(f"{state.host}/team"))
        name, _, digest = line.partition("@")
        assert name == f"{state.host}/team/signalbox/assessor:{version()}"
        assert state.manifests["team/signalbox/assessor", digest]
        (tmp_path / "pulled").mkdir()
        assert (pull(name, tmp_path / "pulled").root / "program").read_text() == "x"


def test_an_archive_that_is_not_built_is_named_before_anything_is_pushed(tmp_path):
    with standin.running() as state:
        with pytest.raises(SetupError, match="make images-local IMAGES=encoder"):
            list(push_images(select(["encoder"]), tmp_path, target(state.host)))
        assert state.requests == []


def test_a_layer_that_was_damaged_is_named(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "program").write_text("x" * 100)
    (image,) = select(["assessor"])
    path = archive_of(image, tmp_path)
    archive(path, image.reference(version()), tmp_path / "root", ("/program",))
    path.write_bytes(path.read_bytes().replace(b"x" * 100, b"y" * 100))
    with standin.running() as state, pytest.raises(InputError, match="does not have its digest"):
        list(push_images([image], tmp_path, target(state.host)))


def test_the_command_logs_in_and_prints_what_it_pushed(package, tmp_path, monkeypatch, capsys):
    with standin.running(login=("user", "word")) as state:
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        command = ["--folder", str(package), "push", state.host, "--only=charts"]
        assert main(command) == 1
        assert f"hint: docker login {state.host}" in capsys.readouterr().out
        auth = base64.b64encode(b"user:word").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {state.host: {"auth": auth}}}))
        assert main(command) == 0
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == len(versions(package))
        for line in lines:
            name, _, digest = line.removeprefix(f"· oci://{state.host}/").partition("@")
            assert state.manifests[name.rpartition(":")[0], digest]


@pytest.mark.parametrize("registry_name", ["", "https://registry.example.org", "team"])
def test_what_is_no_registry_is_rejected(registry_name, package, capsys):
    assert main(["--folder", str(package), "push", registry_name]) == 2
    assert "error: REGISTRY: got" in capsys.readouterr().out


def test_make_hands_its_variables_over():
    variables = ["REGISTRY=a.b/c", "ONLY=images", "IMAGES=assessor encoder", "OVERWRITE=1", "KEY=me@a.b"]
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))
    }
    command = ["make", "--dry-run", "push", *variables]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    text = " ".join(done.stdout.replace("\\\n", " ").split())
    assert "tools.package build --key=me@a.b" in text
    assert text.endswith("push a.b/c --only=images --image=assessor --image=encoder --overwrite")
