"""An evaluation by deepeval, in its environment: `python -P deepeval_worker.py JOB`, a JSON file of benchmarks/peers/evaluate.py.

deepeval scores answers and does not generate them, so the answers come from OpenAI's client, as its guide shows.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from deepeval import evaluate  # type: ignore[import-not-found]
from deepeval.evaluate import DisplayConfig  # type: ignore[import-not-found]
from deepeval.metrics import BaseMetric  # type: ignore[import-not-found]
from deepeval.test_case import LLMTestCase  # type: ignore[import-not-found]
from openai import AsyncOpenAI  # type: ignore[import-not-found]


class StartsWith(BaseMetric):  # type: ignore[misc]
    """Whether an answer starts with the expected word."""

    threshold, async_mode = 1.0, True

    def measure(self, test_case: LLMTestCase, *_: Any, **__: Any) -> float:
        self.score = float(test_case.actual_output.strip().startswith(test_case.expected_output))
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case: LLMTestCase, *_: Any, **__: Any) -> float:
        return self.measure(test_case)

    def is_successful(self) -> bool:
        return self.success

    @property
    def __name__(self) -> str:
        return "starts with"


async def answers(job: dict[str, Any]) -> list[str]:
    """One answer a row, at most `concurrency` at once."""
    client = AsyncOpenAI(base_url=job["url"], api_key="none", timeout=600)
    slots = asyncio.Semaphore(job["concurrency"])

    async def answer(row: dict[str, Any]) -> str:
        async with slots:
            completion = await client.chat.completions.create(
                model="local", messages=row["messages"], max_tokens=job["max_tokens"], temperature=0
            )
            return str(completion.choices[0].message.content)

    return list(await asyncio.gather(*map(answer, job["rows"])))


def main() -> None:
    """Generate, score, and print what deepeval prints."""
    job = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    cases = [
        LLMTestCase(input=row["messages"][-1]["content"], actual_output=text, expected_output=row["expected"])
        for row, text in zip(job["rows"], asyncio.run(answers(job)), strict=True)
    ]
    evaluate(cases, [StartsWith()], display_config=DisplayConfig(show_indicator=False, print_results=False))


if __name__ == "__main__":
    main()
