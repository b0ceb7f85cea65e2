"""Send one text per model to the Service. Fails unless a model gives an answer for each.

MAY_WAIT names a model that may be unavailable, because its release is not trained yet; another must answer then.
"""

import os
import sys
import time

import httpx2

NO_ANSWER = {"timeout", "unavailable", "rejected", "unparsable"}
START_SECONDS = 30
# A model that has just started may take too long for its first answer, and has the next one in time.
ATTEMPTS = 3

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


def predict(client: httpx2.Client, model: str) -> dict:
    """The prediction of a model; one that timed out is requested again."""
    body = {"text": os.environ["TEXT"], "language": os.environ["LANGUAGE"], "model": model}
    for attempts_left in reversed(range(ATTEMPTS)):
        response = assess(client, body)
        if response.status_code != httpx2.codes.OK:
            sys.exit(f"{model}: HTTP {response.status_code}: {response.text}")
        prediction = response.json()["predictions"][0]
        if prediction["light"]["reason"] != "timeout" or not attempts_left:
            break
        sys.stdout.write(f"{model}: no answer in time, asking again\n")
    return prediction


# The Service is in the cluster, so proxies are not used.
url = f"http://{os.environ['ASSESSOR']}"
with httpx2.Client(
    base_url=url, headers=headers, timeout=float(os.environ["TIMEOUT"]), trust_env=False
) as client:
    answers = 0
    for model in os.environ["MODELS"].split():
        prediction = predict(client, model)
        light = prediction["light"]
        if light["reason"] == "unavailable" and model == os.environ.get("MAY_WAIT"):
            sys.stdout.write(f"{model}: unavailable, its release may not be trained yet\n")
            continue
        if light["reason"] in NO_ANSWER:
            sys.exit(f"{model}: no answer, {light['reason']}: {light['text']}")
        verdict, release = prediction["verdict"] or "withheld", prediction["release"]
        sys.stdout.write(
            f"{model}: light {light['color']} ({light['reason']}), verdict {verdict}, "
            f"release {release['name']} {release['revision']}\n"
        )
        answers += 1
    if not answers:
        sys.exit("No model gives an answer.")
