"""Ask each thing that the enabled jobs need, with their own settings; fail unless all of them answer."""

import asyncio
import json
import os
import sys
import tempfile
import urllib.request

from signalbox.settings import Settings
from signalbox.store import open_store

SETTINGS = Settings()


def ask(url, key=None, body=None):
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    headers["Content-Type"] = "application/json"
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=20) as answer:
        return answer.read()


def state():
    with tempfile.TemporaryFile(dir=SETTINGS.state_dir) as file:
        file.write(b"writable")


def database():
    async def read():
        async with open_store(SETTINGS.store_url) as store:
            await store.labelled("no such task")

    asyncio.run(read())


def mlflow():
    # /health answers under any host name; the API answers only under those that it was told.
    ask(f"{SETTINGS.mlflow_base_url}/health")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    ask(f"{SETTINGS.mlflow_base_url}/api/2.0/mlflow/experiments/search", token, {"max_results": 1})


def models(url, key):
    ask(f"{url}/models", key and key.get_secret_value())


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
