"""A stand-in of Grafana's HTTP API: boards, folders and data sources, with the answers of 10.4, 12 and 13.

It is not Grafana, which cannot be installed here. It follows the API documentation of those versions and the errors in
grafana/grafana (pkg/services/dashboards/errors.go). What differs by version:

- 12 and 13 name `folderUid` in the answer to a save and an `apiVersion` in `meta`.
- 13 upgrades a board when it is read (schemaVersion 42, defaults), and ignores a numeric folder id.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.helpers import answering

VERSIONS = ("10.4.19", "12.4.1", "13.2.1")
TOKEN = "glsa_secret"
Answer = tuple[int, Any]


class Store:
    """What one Grafana has."""

    def __init__(self, version: str, prefix: str = "") -> None:
        self.version, self.prefix = version, prefix
        self.boards: dict[str, dict[str, Any]] = {}
        self.folders: dict[str, dict[str, Any]] = {}
        self.folder_of: dict[str, str] = {}
        self.provisioned: set[str] = set()
        self.sources = [{"id": 1, "uid": "prom", "name": "Prometheus", "type": "prometheus"}]
        self.source_health = {"status": "OK", "message": "Successfully queried the Prometheus API."}
        self.may_list_sources = True
        self.saves: list[dict[str, Any]] = []
        self.before_save = lambda: None

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Answer:
        match method, path.strip("/").split("/"):
            case "GET", ["datasources"]:
                return (
                    (200, self.sources) if self.may_list_sources else (403, {"message": "Permission denied"})
                )
            case "GET", ["datasources", "uid", _, "health"]:
                return (200 if self.source_health["status"] == "OK" else 400), self.source_health
            case "GET", ["folders", uid]:
                folder = self.folders.get(uid)
                return (
                    (200, folder) if folder else (404, {"message": "folder not found", "status": "not-found"})
                )
            case "POST", ["folders"]:
                return self.create_folder(body)
            case "GET", ["dashboards", "uid", uid]:
                return self.read(uid)
            case "POST", ["dashboards", "db"]:
                return self.save(body)
            case "GET", ["search"]:
                return 200, self.search(query)
        return 404, {"message": "Not found"}

    def create_folder(self, body: Any) -> Answer:
        if any(folder["title"] == body["title"] for folder in self.folders.values()):
            return 409, {"message": "a folder with the same name already exists in the current location"}
        self.folders[body["uid"]] = {"id": len(self.folders) + 1, "uid": body["uid"], "title": body["title"]}
        return 200, self.folders[body["uid"]]

    def read(self, uid: str) -> Answer:
        if uid not in self.boards:
            return 404, {"message": "Dashboard not found", "status": "not-found"}
        board = copy.deepcopy(self.boards[uid])
        meta = {"folderUid": self.folder_of[uid], "provisioned": uid in self.provisioned, "type": "db"}
        if self.major >= 12:
            meta["apiVersion"] = "v1beta1"
        if self.major >= 13 and "panels" in board:
            board["schemaVersion"] = 42
            board.setdefault("fiscalYearStartMonth", 0)
            for panel in board["panels"]:
                panel.setdefault("fieldConfig", {"defaults": {}, "overrides": []})
        return 200, {"dashboard": board, "meta": meta}

    def save(self, body: Any) -> Answer:
        self.before_save()
        board, uid = copy.deepcopy(body["dashboard"]), body["dashboard"]["uid"]
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        folder = body.get("folderUid", "")
        if folder and folder not in self.folders:
            return 404, {"message": "folder not found", "status": "not-found"}
        version = self.boards.get(uid, {}).get("version", 0)
        if version != board.get("version", 0) and not body.get("overwrite"):
            cause = "The dashboard has been changed by someone else"
            return 412, {"message": cause, "status": "version-mismatch"}
        self.put(board, folder, version + 1)
        self.saves.append(body)
        answer = {"uid": uid, "id": self.boards[uid]["id"], "status": "success", "version": version + 1}
        return 200, answer | ({"folderUid": folder} if self.major >= 12 else {})

    def put(self, board: dict[str, Any], folder: str, version: int = 1) -> None:
        """Store a board, as a person or a file does."""
        self.boards[board["uid"]] = {**board, "id": len(self.boards) + 1, "version": version}
        self.folder_of[board["uid"]] = folder

    def search(self, query: dict[str, list[str]]) -> list[dict[str, Any]]:
        folders = query.get("folderUIDs", list(self.folder_of.values()))
        rows = [(uid, folder) for uid, folder in self.folder_of.items() if folder in folders]
        return [{"uid": uid, "type": "dash-db", "folderUid": folder} for uid, folder in rows]


@contextmanager
def grafana(version: str, prefix: str = "") -> Iterator[tuple[str, Store]]:
    """A running stand-in: its URL and what it has."""
    store = Store(version, prefix)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.respond(None)

        def do_POST(self) -> None:
            self.respond(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def respond(self, body: Any) -> None:
            address, root = urlsplit(self.path), f"{prefix}/api/"
            path = address.path.removeprefix(root)
            if not address.path.startswith(root):
                status, answer = 404, {"message": "Not found"}
            elif path == "health":
                status, answer = 200, {"database": "ok", "version": store.version, "commit": "stand-in"}
            elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
                status, answer = 401, {"message": "Invalid API key", "messageId": "api-key.invalid"}
            else:
                status, answer = store.answer(self.command, path, parse_qs(address.query), body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=UTF-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments: object) -> None:
            pass

    with answering(Handler) as url:
        yield f"{url}{prefix}", store
