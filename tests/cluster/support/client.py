"""A client that asks again and again and counts what fails, run inside the cluster: `client.py KIND URL KEY STOP_FILE`.

KIND is `stream`, for a chat that is streamed over a connection that is kept, or `chat`, for a new connection each time. It
prints one JSON object when STOP_FILE exists.
"""

import json
import sys
import time
from pathlib import Path

import httpx2

BODY = {"messages": [{"role": "user", "content": "Say yes."}], "max_tokens": 12}
SECONDS_BETWEEN = 0.3


def stream(session: httpx2.Client, url: str) -> str:
    """Why a streamed answer is no whole one; empty when it is."""
    with session.stream("POST", url, json=BODY | {"stream": True}) as response:
        text = "".join(response.iter_text())
    whole = response.status_code == 200 and text.rstrip().endswith("data: [DONE]")
    return "" if whole else f"HTTP {response.status_code} …{text[-80:]}"


def chat(session: httpx2.Client, url: str) -> str:
    """The same for an answer in one piece, after which the connection is closed."""
    response = session.post(url, json=BODY, headers={"connection": "close"})
    return "" if response.status_code == 200 else f"HTTP {response.status_code} {response.text[:80]}"


def main(kind: str, url: str, key: str, stop: Path) -> None:
    """Ask until the file exists."""
    ask = {"stream": stream, "chat": chat}[kind]
    requests, failures = 0, []
    with httpx2.Client(headers={"authorization": f"Bearer {key}"}, timeout=120, trust_env=False) as session:
        while not stop.exists():
            requests += 1
            try:
                reason = ask(session, url)
            except httpx2.HTTPError as error:
                reason = f"{type(error).__name__}: {error}"
            if reason:
                failures.append(reason)
            time.sleep(SECONDS_BETWEEN)
    print(json.dumps({"requests": requests, "failures": failures}))


if __name__ == "__main__":
    main(*sys.argv[1:4], Path(sys.argv[4]))
