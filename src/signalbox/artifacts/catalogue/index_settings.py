"""Which package indexes pip and uv would use here: their variables, then their files, then PyPI."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PYPI = "https://pypi.org/simple"
# https://docs.astral.sh/uv/reference/environment and https://pip.pypa.io/en/stable/topics/configuration
_INDEX_VARIABLES = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_EXTRA_VARIABLES = ("UV_INDEX", "UV_EXTRA_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_FOLDER_VARIABLES = ("UV_FIND_LINKS", "PIP_FIND_LINKS")
_SWITCHES = ("UV_NO_INDEX", "UV_OFFLINE", "PIP_NO_INDEX")
_SECTIONS = ("global", "download", "install")  # of pip's file; the later ones win


@dataclass(frozen=True)
class IndexSettings:
    """URLs of indexes in the order of their use, and folders with archives of packages."""

    urls: tuple[str, ...]
    folders: tuple[Path, ...] = ()


def index_settings(environment: Mapping[str, str], home: Path) -> IndexSettings:
    """From variables and files. A file that cannot be read counts as absent, as a package manager would report it."""
    files = _pip_files(environment, home)
    uv_urls, uv_default = _uv_file(environment, home)
    default = _first(environment, _INDEX_VARIABLES) or uv_default or files.get("index-url") or PYPI
    extra = [url for name in _EXTRA_VARIABLES for url in _words(environment.get(name, ""))]
    extra += [*uv_urls, *_words(files.get("extra-index-url", ""))]
    folders = [word for name in _FOLDER_VARIABLES for word in _words(environment.get(name, ""))]
    folders += _words(files.get("find-links", ""))
    is_offline = any(environment.get(name, "").lower() in ("1", "true", "yes", "on") for name in _SWITCHES)
    # An extra index may be `NAME=URL` in uv.
    urls = (
        () if is_offline else (*(url.partition("=")[2] if _is_named(url) else url for url in extra), default)
    )
    return IndexSettings(
        tuple(dict.fromkeys(url.rstrip("/") for url in urls)),
        tuple(Path(folder.removeprefix("file://")) for folder in folders if "://" not in folder[5:]),
    )


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _is_named(url: str) -> bool:
    return "=" in url.partition("://")[0]


def _pip_files(environment: Mapping[str, str], home: Path) -> dict[str, str]:
    """Options of pip's files; a later file wins."""
    paths = [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", home / ".config" / "pip" / "pip.conf"]
    if config := environment.get("PIP_CONFIG_FILE"):
        paths.append(Path(config))
    options: dict[str, str] = {}
    for path in paths:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError):
            continue
        for section in _SECTIONS:
            if parser.has_section(section):
                options |= {name.replace("_", "-"): value for name, value in parser.items(section)}
    return options


def _uv_file(environment: Mapping[str, str], home: Path) -> tuple[list[str], str]:
    """Extra indexes and the default one of uv.toml."""
    names = (environment.get("UV_CONFIG_FILE"), home / ".config" / "uv" / "uv.toml", "/etc/uv/uv.toml")
    for name in names:
        try:
            content = tomllib.loads(Path(name).read_text(encoding="utf-8")) if name else {}
        except (OSError, ValueError):
            continue
        rows = list(_uv_indexes(content))
        if rows:
            return [url for url, is_default in rows if not is_default], next(
                (url for url, is_default in rows if is_default), ""
            )
    return [], ""


def _uv_indexes(content: Mapping[str, Any]) -> Iterator[tuple[str, bool]]:
    for row in content.get("index", []):
        if isinstance(row, dict) and isinstance(row.get("url"), str):
            yield row["url"], bool(row.get("default"))
    if isinstance(content.get("index-url"), str):
        yield content["index-url"], True
    for url in content.get("extra-index-url", []):
        yield str(url), False
