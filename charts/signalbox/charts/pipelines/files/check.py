"""Query every service that the enabled jobs need, with their settings. Fails unless all of them answer."""

import asyncio
import os
import ssl
import sys
import tempfile

import httpx2
from pydantic import SecretStr

from signalbox.certificate.signing import load_private_key, load_public_key
from signalbox.contracts.routes import MODELS
from signalbox.proxies import DIRECT
from signalbox.settings import Settings
from signalbox.store import open_store

SETTINGS = Settings()
# As the jobs: certificates of SSL_CERT_FILE, and the proxy of the environment for hosts that NO_PROXY does not name.
CLIENT = httpx2.Client(timeout=20, follow_redirects=True, mounts=DIRECT, verify=ssl.create_default_context())


def request(method: str, url: str, key: str | None = None, body: object = None) -> None:
    """Raises unless the response is 2xx."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    CLIENT.request(method, url, headers=headers, json=body).raise_for_status()


def state() -> None:
    """The volume is writable."""
    with tempfile.TemporaryFile(dir=SETTINGS.state_dir) as file:
        file.write(b"writable")


def database() -> None:
    """The record store is readable."""

    async def read() -> None:
        async with open_store(SETTINGS.store_url) as store:
            await store.ground_truth("no such task")

    asyncio.run(read())


def mlflow() -> None:
    """/health answers under any host name, the API only under those of --allowed-hosts."""
    request("GET", f"{SETTINGS.mlflow_base_url}/health")
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    url = f"{SETTINGS.mlflow_base_url}/api/2.0/mlflow/experiments/search"
    request("POST", url, token, {"max_results": 1})


def models(url: str | None, key: SecretStr | None) -> None:
    """An OpenAI-compatible server lists its models."""
    request("GET", f"{url}/models", key.get_secret_value() if key else None)


CHECKS = {
    "state": state,
    "database": database,
    "mlflow": mlflow,
    "assessor": lambda: request("GET", f"{SETTINGS.assessor_base_url}/healthz"),
    "encoder": lambda: request("GET", f"{SETTINGS.encoder_base_url}/v2/models/encoder/ready"),
    "decoder": lambda: models(SETTINGS.decoder_base_url, SETTINGS.decoder_api_key),
    "judge": lambda: models(SETTINGS.judge_url, SETTINGS.judge_api_key),
    "certificates": lambda: load_public_key(SETTINGS.certificate_public_key),
    "signing": lambda: load_private_key(SETTINGS.certificate_signing_key),
}

failed = False
for need in os.environ["NEEDS"].split():
    if need in MODELS and need not in SETTINGS.models:
        sys.stdout.write(f"{need}: disabled\n")
        continue
    try:
        CHECKS[need]()
        sys.stdout.write(f"{need}: answers\n")
    except Exception as error:  # any failure: the remaining checks still run
        failed = True
        sys.stdout.write(f"{need}: {type(error).__name__}: {error}\n")
sys.exit(failed)
