"""The page of `signalbox plan --html`: one file without anything from elsewhere, to be sent or printed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from html import escape
from importlib import resources
from shlex import join
from typing import Literal

from signalbox.capacity.answers.offers import Offer, Offers, offer_evaluations
from signalbox.capacity.answers.page_grid import machine_grid
from signalbox.capacity.datafile import read_yaml
from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.planner.choose import best
from signalbox.capacity.planner.evaluate import Correct, Evaluation, evaluator
from signalbox.capacity.planner.plan import answer, workload_of
from signalbox.capacity.planner.request import Question, Request, resolve
from signalbox.capacity.planner.result import Plan
from signalbox.capacity.speed.energy import Prices, load_prices
from signalbox.capacity.speed.throughput import Interval
from signalbox.errors import InputError

Language = Literal["en", "de"]
_MOST_MACHINES = 6  # with sliders; the table has all
_DATES: Mapping[Language, str] = {"en": "%Y-%m-%d", "de": "%d.%m.%Y"}
_FOLDER = resources.files("signalbox.capacity.answers")


def page(
    request: Request,
    catalogue: Catalogue,
    *,
    language: Language = "en",
    prices: Prices | None = None,
    correct: Correct | None = None,
    today: date | None = None,
) -> str:
    """The HTML of a plan on the request's GPUs, or of the machines that hold its model. Raises InputError."""
    table = prices or load_prices()
    evaluate = evaluator(correct, allow_unproven=request.allow_unproven)
    if request.gpu or request.gpu_memory is not None:
        question = resolve(request, catalogue)
        evaluation = best(question.specs(), evaluate)
        one = answer(question, evaluation, catalogue, evaluate, prices)
        return _html(question, [evaluation], table, language, today, plan=one)
    question, rows, listing = offer_evaluations(request, catalogue, table, evaluate)
    if not rows:
        problem = f"no GPU of the tables holds `{listing.model}`, in groups of up to eight"
        raise InputError("--model", request.model, "use a smaller `--context`", problem=problem)
    return _html(question, rows[:_MOST_MACHINES], table, language, today, listing=listing)


def language_of(text: str) -> Language:
    """Raises InputError for a language that the page does not have."""
    for language in _texts():
        if text.strip().lower() == language:
            return language
    raise InputError("--language", text, "use en or de", problem=f"no page in `{text}` (`--language`)")


def _html(
    question: Question,
    machines: Sequence[Evaluation],
    prices: Prices,
    language: Language,
    today: date | None,
    *,
    plan: Plan | None = None,
    listing: Offers | None = None,
) -> str:
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
    data = {
        "lang": language,
        "texts": texts,
        "machines": [machine_grid(row, workload, prices) for row in machines],
    }
    notes = [*(listing.notes if listing else ()), *_remarks(plan)]
    blocks = {
        **{key: escape(text.format(**words)) for key, text in texts.items() if key not in _IN_SCRIPT},
        "lang": language,
        "table": _table(listing, texts, language) if listing else "",
        "command": _command(plan, texts),
        "notes": _list(notes, texts["notes"]),
        "data": json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
    }
    html = _FOLDER.joinpath("page.html").read_text(encoding="utf-8")
    for key, block in blocks.items():
        html = html.replace(f"@@{key}@@", block)
    return html


_IN_SCRIPT = ("example", "fits_detail", "short_detail", "few_detail", "price", "command", "notes")


@cache
def _texts() -> Mapping[Language, Mapping[str, str]]:
    texts: Mapping[Language, Mapping[str, str]] = read_yaml(_FOLDER.joinpath("page_texts.yaml"))
    return texts


def _remarks(plan: Plan | None) -> list[str]:
    """Violations, warnings and notes of a plan, each a sentence."""
    if plan is None:
        return []
    rows = [f"{row.reason.rstrip('.')}. {row.hint}".strip() for row in (*plan.violations, *plan.warnings)]
    return [*rows, *plan.notes]


def _table(listing: Offers, texts: Mapping[str, str], language: Language) -> str:
    names = ["machine", "quantization", "largest", "at_once", "per_second", "per_thousand"]
    heads = [*(texts[name] for name in names), texts["price"].format(currency=listing.currency)]
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(f"<tr>{_cells(row, heads, language)}</tr>" for row in listing.offers)
    label = escape(texts["machines"])
    return (
        f'<h2>{label}</h2>\n<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cells(row: Offer, heads: Sequence[str], language: Language) -> str:
    """The cells of a row, each with the head of its column, which a narrow screen shows next to it."""
    cells = (
        quantity(row.gpus, row.gpu),
        row.quantization,
        _number(row.largest_context, 0, language),
        _number(row.max_concurrency, 1, language),
        _interval(row.output_tokens_per_second, 0, language),
        _interval(row.wh_per_1k_tokens, 2, language),
        "" if row.price_per_hour is None else _number(row.price_per_hour, 2, language),
    )
    labeled = zip(heads, cells, strict=True)
    return "".join(f'<td data-label="{escape(head)}">{escape(text)}</td>' for head, text in labeled)


def _number(value: float, digits: int, language: Language) -> str:
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def _interval(interval: Interval | None, digits: int, language: Language) -> str:
    if interval is None:
        return ""
    return f"{_number(interval.low, digits, language)}–{_number(interval.high, digits, language)}"


def _command(plan: Plan | None, texts: Mapping[str, str]) -> str:
    if plan is None or not plan.fits:
        return ""
    environment = " ".join(f"{name}={value}" for name, value in plan.environment.items())
    line = " ".join(filter(None, (environment, join((*plan.program, *plan.flags)))))
    return f"<h2>{escape(texts['command'])}</h2>\n<pre><code>{escape(line)}</code></pre>"


def _list(rows: Sequence[str], title: str) -> str:
    if not rows:
        return ""
    items = "".join(f"<li>{escape(row)}</li>" for row in rows)
    return f'<h2>{escape(title)}</h2>\n<ul class="quiet">{items}</ul>'
