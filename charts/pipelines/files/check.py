"""Ask each thing that the enabled jobs need, with their own settings; fail unless all of them answer."""

import asyncio
import json
import os
import sys
import tempfile
import urllib.request

from pydantic import SecretStr

from signalbox.settings import Settings
from signalbox.store import open_store

SETTINGS = Settings()


def ask(url: str, key: str | None = None, body: object = None) -> bytes:
    """The body of a 2xx answer."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)  # noqa: S310 - from values
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return answer.read()


def state() -> None:
    """The volume takes a file."""
    with tempfile.TemporaryFile(dir=SETTINGS.state_dir) as file:
        file.write(b"writable")


def database() -> None:
    """The record store can be read."""

    async def read() -> None:
        async with open_store(SETTINGS.store_url) as store:
            await store.labelled("no such task")

    asyncio.run(read())


def mlflow() -> None:
    """/health answers under any host name, the API only under those that it was told."""
    ask(f"{SETTINGS.mlflow_base_url}/health")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    ask(f"{SETTINGS.mlflow_base_url}/api/2.0/mlflow/experiments/search", token, {"max_results": 1})


def models(url: str | None, key: SecretStr | None) -> None:
    """An OpenAI-compatible server lists its models."""
    ask(f"{url}/models", key.get_secret_value() if key else None)


CHECKS = {
    "state": state,
    "database": database,
    "mlflow": mlflow,
    "assessor": lambda: ask(f"{SETTINGS.assessor_base_url}/healthz"),
    "encoder": lambda: ask(f"{SETTINGS.encoder_base_url}/v2/models/encoder/ready"),
    "decoder": lambda: models(SETTINGS.decoder_base_url, SETTINGS.decoder_api_key),
    "judge": lambda: models(SETTINGS.judge_url, SETTINGS.judge_api_key),
}

failed = False
for need in os.environ["NEEDS"].split():
    try:
        CHECKS[need]()
        sys.stdout.write(f"{need}: answers\n")
    except Exception as error:  # whatever it is, the next thing is asked too
        failed = True
        sys.stdout.write(f"{need}: {type(error).__name__}: {error}\n")
sys.exit(failed)
