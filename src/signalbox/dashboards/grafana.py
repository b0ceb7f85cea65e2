"""Grafana's HTTP API through grafana-client, with errors for people. The token is in no error.

Boards and folders are addressed by uid: Grafana 13 ignores numeric ids of folders, and a board that names only one lands in
the root folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from signalbox.dashboards.compare import Board
from signalbox.errors import InputError, SetupError, SignalboxError

# grafana-client is optional, and it imports requests.
# ruff: noqa: PLC0415

_TIMEOUT_SECONDS = 15.0
_NOT_FOUND, _FORBIDDEN = 404, 403
_INSTALL = (
    "Install the optional dependency: uv pip install 'signalbox[grafana]'. It is part of `make install`."
)
_HINTS = {
    401: "Check SIGNALBOX_GRAFANA_TOKEN or the file of SIGNALBOX_GRAFANA_TOKEN_FILE: it is invalid or has expired.",
    403: "Give the service account of the token the role Editor.",
    404: "Check SIGNALBOX_GRAFANA_URL, with the path if Grafana is served below one.",
    409: "Choose an existing folder with --folder-uid.",
    412: "Someone saved it meanwhile. Run `signalbox dashboards diff` and push again.",
}


@dataclass(frozen=True)
class StoredBoard:
    """A board in Grafana with its folder's uid, empty for the root. A provisioned one comes from files."""

    board: Board
    folder_uid: str
    is_provisioned: bool


class Grafana:
    """A connection. Every method raises SetupError or InputError."""

    def __init__(self, url: str, token: str) -> None:
        """Raises SetupError without the package grafana-client, InputError for a URL that is none."""
        try:
            from grafana_client import GrafanaApi
        except ImportError as error:
            raise SetupError(
                "`signalbox dashboards` needs the package grafana-client, which is not installed.",
                hint=_INSTALL,
            ) from error
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username:
            hint = (
                "Give http(s)://HOST[:PORT][/PATH], without a user; the token is in SIGNALBOX_GRAFANA_TOKEN."
            )
            raise InputError("SIGNALBOX_GRAFANA_URL", _without_user(url), hint)
        prefix = parts.path.strip("/")
        self._url = url.rstrip("/")
        self._api = GrafanaApi(
            auth=token,
            host=f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname,
            port=parts.port,
            url_path_prefix=f"{prefix}/" if prefix else "",
            protocol=parts.scheme,
            # As in the other clients of this package; requests itself reads only variables of its own.
            verify=os.environ.get("SSL_CERT_FILE") or True,
            timeout=_TIMEOUT_SECONDS,
        )

    def version(self) -> str:
        """The version of the server."""
        answer = self._call("health", self._api.health.check)
        version = answer.get("version") if isinstance(answer, dict) else None
        if not isinstance(version, str):
            raise SetupError(f"The server at {self._url} is no Grafana.", hint=_HINTS[404])
        return version

    def prometheus_sources(self) -> list[dict[str, Any]] | None:
        """Data sources of type prometheus; None if the token may not list them."""
        try:
            sources = self._call("data sources", self._api.datasource.list_datasources)
        except _RejectedError as error:
            if error.status == _FORBIDDEN:
                return None
            raise
        return [source for source in sources if source.get("type") == "prometheus"]

    def source_problem(self, uid: str) -> str:
        """What Grafana says about a data source that does not work; empty if it works or cannot be checked."""
        try:
            answer = self._call("data source", lambda: self._api.datasource.health(uid))
        except _RejectedError as error:
            return "" if error.status in {_FORBIDDEN, _NOT_FOUND} else error.cause
        return "" if answer.get("status") == "OK" else str(answer.get("message", "no answer"))

    def folder_title(self, uid: str) -> str | None:
        """The title of a folder; None if there is none with this uid."""
        folder = self._find("folder", lambda: self._api.folder.get_folder(uid))
        return None if folder is None else str(folder["title"])

    def create_folder(self, uid: str, title: str) -> None:
        """Create a folder in the root."""
        self._call(f"folder `{title}`", lambda: self._api.folder.create_folder(title, uid))

    def board(self, uid: str) -> StoredBoard | None:
        """A board; None if there is none with this uid."""
        answer = self._find(f"board `{uid}`", lambda: self._api.dashboard.get_dashboard(uid))
        if answer is None:
            return None
        meta = answer.get("meta", {})
        return StoredBoard(answer["dashboard"], meta.get("folderUid") or "", bool(meta.get("provisioned")))

    def boards_in(self, folder_uid: str) -> list[str]:
        """The uids of the boards in a folder."""
        path = f"/search?type=dash-db&limit=5000&folderUIDs={folder_uid}"
        rows = self._call("search", lambda: self._api.client.GET(path))
        # Versions before 10.1 ignore the filter.
        return sorted(row["uid"] for row in rows if row.get("folderUid") == folder_uid)

    def save(self, board: Board, folder_uid: str, message: str) -> None:
        """Create or update a board. `version` in it is the one that it replaces."""
        body = {"dashboard": board, "folderUid": folder_uid, "message": message, "overwrite": False}
        self._call(f"board `{board['title']}`", lambda: self._api.dashboard.update_dashboard(body))

    def _find(self, what: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
        try:
            return self._call(what, request)
        except _RejectedError as error:
            if error.status == _NOT_FOUND:
                return None
            raise

    def _call(self, what: str, request: Callable[[], Any]) -> Any:  # noqa: ANN401 - JSON
        with _readable(what, self._url):
            return request()


class _RejectedError(SetupError):
    """Grafana's answer with an error status; `cause` is its message."""

    def __init__(self, what: str, status: int, cause: str) -> None:
        self.status, self.cause = status, cause
        super().__init__(
            f"Grafana rejected the request for {what}: HTTP {status}, {cause}.", hint=_HINTS.get(status, "")
        )


@contextmanager
def _readable(what: str, url: str) -> Iterator[None]:
    """Exceptions of grafana-client and requests as errors of this package."""
    from grafana_client.client import GrafanaException
    from requests.exceptions import RequestException

    try:
        yield
    except SignalboxError:
        raise
    except GrafanaException as error:
        response = error.response if isinstance(error.response, dict) else {}
        cause = str(response.get("message") or "no reason given").rstrip(".")
        raise _RejectedError(what, error.status_code, cause) from error
    except (RequestException, ValueError, OSError) as error:
        raise SetupError(
            f"Grafana at {url} does not answer ({type(error).__name__}).",
            hint="Check SIGNALBOX_GRAFANA_URL. For a private CA, set SSL_CERT_FILE. For a cluster: "
            "kubectl port-forward service/GRAFANA 3000:80",
        ) from error


def _without_user(url: str) -> str:
    """A URL without user and password."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
