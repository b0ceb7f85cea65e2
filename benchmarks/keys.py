"""Cost of API keys: the pass-through with and without a clients file, in turns on this machine's cores.

The model server is a stub that answers as fast as it can, so that nothing hides the cost.
"""

from __future__ import annotations

import statistics
from contextlib import ExitStack

from benchmarks.assessor import running
from benchmarks.kserve import TEXT, wrk
from signalbox import keys
from signalbox.settings import Settings
from signalbox.tasks import load_task
from tests.helpers import folder_on_disk

CLIENTS = (1, 16)
ENTRIES = (1, 100)  # every entry is compared
ROUNDS, SECONDS = 5, 4
NO_LIMIT = 10**9  # a limit that is never reached: the bucket is paid for


def run() -> list[dict[str, object]]:
    """One row per number of entries and connections; medians of the rounds."""
    settings = Settings()
    with folder_on_disk() as folder, ExitStack() as stack:
        urls, headers = {}, {}
        for name, entries in (("open", 0), *((f"{n} keys", n) for n in ENTRIES)):
            changes: dict[str, object] = {"state_dir": folder / name, "encoder_url": "http://127.0.0.1:9"}
            headers[name] = {}
            if entries:
                client_keys = [keys.add([], f"client-{i}")[0][0] for i in range(entries - 1)]
                client_keys, key = keys.add(client_keys, "bench", requests_per_minute=NO_LIMIT)
                changes["api_keys_file"] = folder / f"{entries}.yaml"
                keys.save(folder / f"{entries}.yaml", client_keys)
                headers[name] = {"Authorization": f"Bearer {key}"}
            served = stack.enter_context(running(settings.model_copy(update=changes), 0.0, ready="/healthz"))
            urls[name] = f"{served.assessor_base_url}/v1/chat/completions"
        return [_row(urls, headers, name, clients) for name in urls if headers[name] for clients in CLIENTS]


def _row(
    urls: dict[str, str], headers: dict[str, dict[str, str]], name: str, clients: int
) -> dict[str, object]:
    messages = load_task(Settings().task).messages(TEXT, "en")
    body: dict[str, object] = {"model": "stub", "messages": messages, "max_tokens": 40}
    rounds = [
        {each: wrk(urls[each], body, clients, SECONDS, headers[each]) for each in ("open", name)}
        for _ in range(ROUNDS)
    ]
    per_second = {
        each: statistics.median(one[each]["requests_per_second"] for one in rounds) for each in rounds[0]
    }
    added = [one[name]["p50_ms"] - one["open"]["p50_ms"] for one in rounds]
    return {
        "file": name,
        "clients": clients,
        "open_per_s": round(per_second["open"]),
        "requests_per_s": round(per_second[name]),
        "added_us_a_request": round(1e6 * (1 / per_second[name] - 1 / per_second["open"])),
        "added_p50_ms": round(statistics.median(added), 3),
        "added_range_ms": f"{min(added):.3f}-{max(added):.3f}",
        "failed": sum(result["failed"] for one in rounds for result in one.values()),
    }
