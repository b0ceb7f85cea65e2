"""Logins that docker, buildah, podman and helm have stored: their files have one form."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from signalbox.errors import SetupError
from tools.oci.reference import DOCKER_HUB

# The key under which docker stores the login of its own registry.
_DOCKER_HUB_KEY = "https://index.docker.io/v1/"


def credentials(host: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str] | None:
    """User and password for a registry, from the first file that has them; None without a login."""
    keys = (_DOCKER_HUB_KEY, host) if host == DOCKER_HUB else (host, f"https://{host}")
    for path in _files(environment):
        if path.is_file():
            login = _login(_read(path), keys)
            if login:
                return login
    return None


def _files(environment: Mapping[str, str]) -> Iterator[Path]:
    home = Path(environment.get("HOME", "/"))
    if place := environment.get("REGISTRY_AUTH_FILE"):
        yield Path(place)
    yield Path(environment.get("DOCKER_CONFIG") or home / ".docker") / "config.json"
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        yield Path(runtime) / "containers" / "auth.json"
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    yield config / "containers" / "auth.json"
    helm = environment.get("HELM_REGISTRY_CONFIG")
    yield Path(helm) if helm else config / "helm" / "registry" / "config.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetupError(f"{path} cannot be read: {error}", hint="Log in again: docker login HOST") from error
    return content if isinstance(content, dict) else {}


def _login(config: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, str] | None:
    for key in keys:
        helper = config.get("credHelpers", {}).get(key) or config.get("credsStore")
        if helper and (login := _from_helper(helper, key)):
            return login
        encoded = config.get("auths", {}).get(key, {}).get("auth", "")
        user, colon, password = base64.b64decode(encoded).decode("utf-8", "replace").partition(":")
        if colon:
            return user, password
    return None


def _from_helper(name: str, key: str) -> tuple[str, str] | None:
    """The answer of docker's credential helper; None if the helper is not there or has no entry."""
    try:
        process = subprocess.run(
            [f"docker-credential-{name}", "get"], input=key, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    if process.returncode:
        return None
    answer = json.loads(process.stdout)
    return answer["Username"], answer["Secret"]
