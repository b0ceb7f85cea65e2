"""Send one text per model to the Service. Fails unless a model gives an answer for each."""

import os
import sys
import time

import httpx2

NO_ANSWER = {"timeout", "unavailable", "rejected", "unparsable"}
START_SECONDS = 30

headers = {"Authorization": f"Bearer {key}"} if (key := os.environ.get("API_KEY")) else {}


def assess(client: httpx2.Client, body: dict[str, str]) -> httpx2.Response:
    """The response of the Service; a network plugin may apply policies to this pod only shortly after its start."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return client.post("/v1/assess", json=body)
        except httpx2.ConnectError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


# The Service is in the cluster, so proxies are not used.
url = f"http://{os.environ['ASSESSOR']}"
with httpx2.Client(
    base_url=url, headers=headers, timeout=float(os.environ["TIMEOUT"]), trust_env=False
) as client:
    for model in os.environ["MODELS"].split():
        body = {"text": os.environ["TEXT"], "language": os.environ["LANGUAGE"], "model": model}
        response = assess(client, body)
        if response.status_code != httpx2.codes.OK:
            sys.exit(f"{model}: HTTP {response.status_code}: {response.text}")
        light = response.json()["predictions"][0]["light"]
        if light["reason"] in NO_ANSWER:
            sys.exit(f"{model}: no answer, {light['reason']}: {light['text']}")
        sys.stdout.write(f"{model}: {light['color']}, {light['reason']}\n")
