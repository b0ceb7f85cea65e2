"""The page of a plan: what `signalbox plan --html` writes into a file, and the assessor shows below its form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from html import escape
from importlib import resources

from signalbox.capacity.answers.offers import Offers, offer_evaluations
from signalbox.capacity.answers.page_blocks import command, machines_table, notes, options_table
from signalbox.capacity.answers.page_file import Language, PageParts, asset, filled, page_file
from signalbox.capacity.answers.page_grid import machine_grid
from signalbox.capacity.datafile import read_yaml
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import best
from signalbox.capacity.planner.evaluate import Correct, Evaluation, evaluator
from signalbox.capacity.planner.plan import answer, workload_of
from signalbox.capacity.planner.request import Question, Request, resolve
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.speed.energy import Prices, load_prices
from signalbox.errors import InputError

_MOST_MACHINES = 6  # with sliders; the table has all
_DATES: Mapping[Language, str] = {"en": "%Y-%m-%d", "de": "%d.%m.%Y"}


def page(
    request: Request,
    catalogue: Catalogue,
    *,
    language: Language = "en",
    prices: Prices | None = None,
    correct: Correct | None = None,
    today: date | None = None,
) -> str:
    """The file of `--html`. Raises InputError."""
    parts = page_parts(request, catalogue, language=language, prices=prices, correct=correct, today=today)
    return page_file(parts)


def page_parts(
    request: Request,
    catalogue: Catalogue,
    *,
    language: Language = "en",
    prices: Prices | None = None,
    correct: Correct | None = None,
    today: date | None = None,
) -> PageParts:
    """A plan on the request's GPUs, or the machines that hold its model. Raises InputError."""
    table = prices or load_prices()
    evaluate = evaluator(correct, allow_unproven=request.allow_unproven)
    if request.gpu or request.gpu_memory is not None:
        question = resolve(request, catalogue)
        evaluation = best(question.specs(), evaluate, question.obtainable)
        one = answer(question, evaluation, catalogue, evaluate, prices)
        return _parts(question, [evaluation], table, language, today, plan=one)
    question, rows, listing = offer_evaluations(request, catalogue, table, evaluate)
    if not rows:
        problem = f"no GPU of the tables holds `{listing.model}`, in groups of up to eight"
        raise InputError("--model", request.model, "use a smaller `--context`", problem=problem)
    return _parts(question, rows[:_MOST_MACHINES], table, language, today, listing=listing)


def language_of(text: str) -> Language:
    """Raises InputError for a language that the page does not have."""
    for language in _texts():
        if text.strip().lower() == language:
            return language
    raise InputError("--language", text, "use en or de", problem=f"no page in `{text}` (`--language`)")


def _parts(
    question: Question,
    machines: Sequence[Evaluation],
    prices: Prices,
    language: Language,
    today: date | None,
    *,
    plan: Plan | None = None,
    listing: Offers | None = None,
) -> PageParts:
    texts, workload = _texts()[language], workload_of(question)
    words = {
        "model": question.model.name,
        "date": (today or date.today()).strftime(_DATES[language]),  # noqa: DTZ011 - the reader's day
        "engine": question.engine.title,
        "version": question.engine.version,
        "prices": prices.source if "example" not in prices.source else texts["example"],
        "input": workload.input_tokens,
        "output": workload.output_tokens,
    }
    rows = [*(listing.notes if listing else ()), *_remarks(plan)]
    blocks = {
        **{key: escape(text.format(**words)) for key, text in texts.items() if key in _IN_BODY},
        "table": machines_table(listing, texts, language) if listing else "",
        "options": options_table(plan, texts, language),
        "command": command(plan, texts),
        "notes": notes(rows, texts["notes"]),
    }
    grids = [machine_grid(row, workload, prices) for row in machines]
    return PageParts(
        language=language,
        title=texts["title"].format(**words),
        made=texts["made"].format(**words),
        body=filled(asset("body.html"), blocks),
        data={"lang": language, "texts": texts, "machines": grids},
    )


# Texts that assets/body.html names. Others are for tables, or for the script.
_IN_BODY = ("no_script", "machine", "context", "requests", "memory", "speed", "energy", "workload")


@cache
def _texts() -> Mapping[Language, Mapping[str, str]]:
    folder = resources.files("signalbox.capacity.answers")
    texts: Mapping[Language, Mapping[str, str]] = read_yaml(folder.joinpath("page_texts.yaml"))
    return texts


def _remarks(plan: Plan | None) -> list[str]:
    """Violations, warnings and notes of a plan, each a sentence."""
    if plan is None:
        return []
    rows = [f"{row.reason.rstrip('.')}. {row.hint}".strip() for row in (*plan.violations, *plan.warnings)]
    return [*rows, *plan.notes]
