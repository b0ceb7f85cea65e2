"""`signalbox dashboards` against a stand-in of Grafana's HTTP API."""

import json
import sys

import pytest
from typer.testing import CliRunner

from signalbox.cli import installed_app
from tests.signalbox.dashboards.grafana_stand_in import TOKEN, VERSIONS, grafana

BOARDS = [
    {"uid": "signalbox-trust", "title": "May I trust it today?", "panels": [{"id": 1, "title": "Green"}]},
    {
        "uid": "signalbox-service",
        "title": "Service",
        "panels": [{"id": 1, "title": "Rate"}],
        "schemaVersion": 39,
    },
]
FAILED, INPUT = 1, 2


@pytest.fixture(params=VERSIONS)
def server(request, monkeypatch):
    with grafana(request.param) as (url, store):
        monkeypatch.setenv("SIGNALBOX_GRAFANA_URL", url)
        monkeypatch.setenv("SIGNALBOX_GRAFANA_TOKEN", TOKEN)
        yield store


@pytest.fixture
def newest(monkeypatch):
    with grafana(VERSIONS[-1]) as (url, store):
        monkeypatch.setenv("SIGNALBOX_GRAFANA_URL", url)
        monkeypatch.setenv("SIGNALBOX_GRAFANA_TOKEN", TOKEN)
        yield store


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "boards"
    folder.mkdir()
    for board in BOARDS:
        (folder / f"{board['uid']}.json").write_text(json.dumps(board), encoding="utf-8")
    return folder


def run(*words):
    result = CliRunner().invoke(installed_app(), ["dashboards", *map(str, words)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert TOKEN not in result.output
    return result


def actions(result):
    return [line.split()[0] for line in result.stdout.splitlines() if line and not line.startswith(" ")]


def test_a_second_push_changes_nothing(server, source):
    first, second = run("push", "--source", source), run("push", "--source", source)
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert actions(first) == ["create", "create"]
    assert actions(second) == ["unchanged", "unchanged"]
    assert len(server.saves) == 2
    assert set(server.folder_of.values()) == {"signalbox"}
    assert all("folderId" not in body for body in server.saves)


def test_diff_names_an_edit_and_changes_nothing_and_push_takes_it_back(server, source):
    run("push", "--source", source)
    server.boards["signalbox-trust"]["panels"][0]["title"] = "My title"
    server.boards["signalbox-trust"]["version"] = 5
    shown = run("diff", "--source", source)
    assert shown.exit_code == FAILED
    assert "panels[Green].title: My title → Green" in shown.stdout
    assert server.boards["signalbox-trust"]["version"] == 5
    assert actions(run("push", "--source", source)) == ["update", "unchanged"]
    assert server.boards["signalbox-trust"]["panels"][0]["title"] == "Green"
    assert run("diff", "--source", source).exit_code == 0


def test_a_board_in_another_folder_is_moved(server, source):
    server.put({**BOARDS[1]}, folder="")
    assert "folder: root → signalbox" in run("push", "--source", source).stdout
    assert server.folder_of["signalbox-service"] == "signalbox"


def test_a_board_that_someone_saves_meanwhile_is_not_overwritten(server, source):
    run("push", "--source", source)
    server.boards["signalbox-trust"]["title"] = "Old"

    def someone_saves():
        server.boards["signalbox-trust"]["version"] = 99

    server.before_save = someone_saves
    result = run("push", "--source", source)
    assert result.exit_code == FAILED
    assert "412" in result.stderr
    assert "hint: Someone saved it meanwhile." in result.stderr
    assert server.boards["signalbox-trust"]["title"] == "Old"


def test_a_provisioned_board_is_left_to_its_file(server, source):
    server.put({**BOARDS[0], "title": "Older"}, folder="other")
    server.provisioned.add("signalbox-trust")
    result = run("push", "--source", source)
    assert result.exit_code == FAILED
    assert actions(result) == ["provisioned", "create"]
    assert "reads 1 of these boards from files" in result.stderr
    assert server.boards["signalbox-trust"]["title"] == "Older"


def test_what_is_pulled_can_be_pushed_again(server, source, tmp_path):
    run("push", "--source", source)
    server.put({"uid": "foreign", "title": "Foreign", "panels": []}, folder="other")
    output = tmp_path / "pulled"
    assert run("pull", output).exit_code == 0
    assert sorted(path.stem for path in output.iterdir()) == ["signalbox-service", "signalbox-trust"]
    assert not {"id", "version"} & set(json.loads((output / "signalbox-trust.json").read_text()))
    assert actions(run("push", "--source", output)) == ["unchanged", "unchanged"]


def test_a_board_in_the_new_format_is_not_pulled(newest, source, tmp_path):
    run("push", "--source", source)
    newest.put({"uid": "dynamic", "title": "Dynamic", "elements": {}, "layout": {}}, folder="signalbox")
    result = run("pull", tmp_path / "pulled")
    assert "`dynamic` is saved in another format" in result.stderr
    assert not (tmp_path / "pulled" / "dynamic.json").exists()


def test_grafana_below_a_path_is_reached(monkeypatch, source):
    with grafana(VERSIONS[0], prefix="/grafana") as (url, store):
        monkeypatch.setenv("SIGNALBOX_GRAFANA_URL", url)
        monkeypatch.setenv("SIGNALBOX_GRAFANA_TOKEN", TOKEN)
        assert run("push", "--source", source).exit_code == 0
        assert len(store.boards) == 2


def test_a_token_from_a_file_is_used(newest, source, tmp_path, monkeypatch):
    monkeypatch.delenv("SIGNALBOX_GRAFANA_TOKEN")
    path = tmp_path / "token"
    monkeypatch.setenv("SIGNALBOX_GRAFANA_TOKEN_FILE", str(path))
    assert "SIGNALBOX_GRAFANA_TOKEN_FILE" in run("push", "--source", source).stderr
    path.write_text(f"{TOKEN}\n", encoding="utf-8")
    assert run("push", "--source", source).exit_code == 0


def test_data_sources_are_checked(newest, source):
    newest.source_health = {"status": "ERROR", "message": "connection refused"}
    assert "`Prometheus` does not work: connection refused" in run("diff", "--source", source).stderr
    newest.may_list_sources = False
    assert "may not list data sources" in run("diff", "--source", source).stderr
    newest.may_list_sources, newest.sources = True, []
    result = run("push", "--source", source)
    assert result.exit_code == FAILED
    assert "no data source of type Prometheus" in result.stderr
    assert not newest.boards


def test_a_folder_title_in_use_is_an_error_with_the_way_out(newest, source):
    newest.folders["mine"] = {"id": 1, "uid": "mine", "title": "Signalbox"}
    assert "--folder-uid" in run("push", "--source", source).stderr
    assert run("push", "--source", source, "--folder-uid", "mine").exit_code == 0


@pytest.mark.parametrize(
    ("variable", "value", "status", "text"),
    [
        ("SIGNALBOX_GRAFANA_TOKEN", "wrong", FAILED, "HTTP 401"),
        ("SIGNALBOX_GRAFANA_URL", "http://127.0.0.1:1", FAILED, "does not answer"),
        ("SIGNALBOX_GRAFANA_URL", "127.0.0.1:3000", INPUT, "SIGNALBOX_GRAFANA_URL"),
        ("SIGNALBOX_GRAFANA_URL", "http://admin:glsa_secret@127.0.0.1", INPUT, "without a user"),
        ("SIGNALBOX_GRAFANA_URL", "", INPUT, "is not set"),
    ],
)
def test_what_is_wrong_with_the_connection_is_said(
    newest, source, monkeypatch, variable, value, status, text
):
    monkeypatch.setenv(variable, value)
    result = run("push", "--source", source)
    assert (result.exit_code, text in result.stderr) == (status, True), result.stderr
    assert "hint:" in result.stderr


def test_an_old_grafana_is_unsupported(monkeypatch, source):
    with grafana("9.5.2") as (url, _):
        monkeypatch.setenv("SIGNALBOX_GRAFANA_URL", url)
        monkeypatch.setenv("SIGNALBOX_GRAFANA_TOKEN", TOKEN)
        assert "Grafana 9.5.2 is too old" in run("push", "--source", source).stderr


@pytest.mark.parametrize(
    "content", ["no JSON", "[]", '{"title": "x", "panels": []}', '{"uid": "a", "elements": {}}']
)
def test_a_file_that_is_no_classic_board_is_named(newest, source, content):
    (source / "broken.json").write_text(content, encoding="utf-8")
    result = run("diff", "--source", source)
    assert result.exit_code == INPUT
    assert "broken.json" in result.stderr


def test_a_folder_without_boards_is_an_error(newest, tmp_path):
    assert "has no boards" in run("diff", "--source", tmp_path).stderr


def test_without_the_package_the_hint_says_how_to_get_it(newest, source, monkeypatch):
    monkeypatch.setitem(sys.modules, "grafana_client", None)
    result = run("push", "--source", source)
    assert result.exit_code == FAILED
    assert "pip install 'signalbox[grafana]'" in result.stderr
