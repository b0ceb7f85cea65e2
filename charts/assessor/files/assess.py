"""Post one assessment per model to the Service and fail unless a model really answered."""

import json
import os
import sys
import time
from http.client import HTTPConnection

NO_ANSWER = {"timeout", "unavailable", "rejected", "unparsable"}

headers = {"Content-Type": "application/json"}
if key := os.environ.get("API_KEY"):
    headers["Authorization"] = f"Bearer {key}"


def connected() -> HTTPConnection:
    """A connection to the Service; a network that enforces policies may know this pod a moment after its start only."""
    deadline = time.monotonic() + 30
    while True:
        connection = HTTPConnection(os.environ["ASSESSOR"], timeout=float(os.environ["TIMEOUT"]))
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(1)
        else:
            return connection


for model in os.environ["MODELS"].split():
    body = {"text": os.environ["TEXT"], "language": os.environ["LANGUAGE"], "model": model}
    connection = connected()
    connection.request("POST", "/v1/assess", json.dumps(body), headers)
    answer = connection.getresponse()
    content = answer.read().decode()
    if answer.status != 200:
        sys.exit(f"{model}: HTTP {answer.status}: {content}")
    light = json.loads(content)["predictions"][0]["light"]
    if light["reason"] in NO_ANSWER:
        sys.exit(f"{model}: no answer, {light['reason']}: {light['text']}")
    sys.stdout.write(f"{model}: {light['colour']}, {light['reason']}\n")
