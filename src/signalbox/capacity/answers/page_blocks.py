"""Tables and lists of a plan's page as HTML; every text in them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from shlex import join

from signalbox.capacity.answers.offers import Offer, Offers
from signalbox.capacity.answers.page_file import Language
from signalbox.capacity.gpu_names import quantity
from signalbox.capacity.planner.result import Alternative, Plan
from signalbox.capacity.speed.throughput import Interval

Words = Mapping[str, str]


def machines_table(listing: Offers, texts: Words, language: Language) -> str:
    """The machines that hold a model."""
    at_once = "at_once" if listing.kv_cache else "per_step"
    names = ["machine", "quantization", "largest", at_once, "per_second", "per_thousand"]
    heads = [*(texts[name] for name in names), texts["price"].format(currency=listing.currency)]
    return _table(texts["machines"], heads, (_offer(row, language) for row in listing.offers))


def options_table(plan: Plan | None, texts: Words, language: Language) -> str:
    """What would fit instead of a plan that does not; empty for one that does."""
    if plan is None or plan.fits or not plan.alternatives:
        return ""
    heads = [texts[name] for name in ("change", "machine", "quantization", "context", "at_once")]
    return _table(texts["options"], heads, (_option(row, language) for row in plan.alternatives))


def command(plan: Plan | None, texts: Words) -> str:
    """The command that starts the plan, if it fits."""
    if plan is None or not plan.fits:
        return ""
    environment = " ".join(f"{name}={value}" for name, value in plan.environment.items())
    line = " ".join(filter(None, (environment, join((*plan.program, *plan.flags)))))
    return f"<h2>{escape(texts['command'])}</h2>\n<pre><code>{escape(line)}</code></pre>"


def notes(rows: Sequence[str], title: str) -> str:
    """A list under a heading, which is in the page's language; the rows are English."""
    if not rows:
        return ""
    items = "".join(f"<li>{escape(row)}</li>" for row in rows)
    return f'<h2>{escape(title)}</h2>\n<ul class="quiet notes" lang="en">{items}</ul>'


def _table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Each cell has the head of its column, which a narrow screen shows next to it."""
    head = "".join(f'<th scope="col">{escape(text)}</th>' for text in heads)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{escape(label)}">{escape(text)}</td>'
            for label, text in zip(heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    label = escape(title)
    return (
        f'<h2>{label}</h2>\n<div class="wide" tabindex="0" role="region" aria-label="{label}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _offer(row: Offer, language: Language) -> tuple[str, ...]:
    return (
        quantity(row.gpus, row.gpu),
        row.quantization,
        _number(row.largest_context, 0, language),
        _number(row.max_concurrency, 1, language),
        _interval(row.output_tokens_per_second, 0, language),
        _interval(row.wh_per_1k_tokens, 2, language),
        "" if row.price_per_hour is None else _number(row.price_per_hour, 2, language),
    )


def _option(row: Alternative, language: Language) -> tuple[str, ...]:
    return (
        row.change,
        quantity(row.gpus, row.gpu),
        row.quantization,
        _number(row.context, 0, language),
        _number(row.max_concurrency, 1, language),
    )


def _number(value: float, digits: int, language: Language) -> str:
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language == "de" else text


def _interval(interval: Interval | None, digits: int, language: Language) -> str:
    if interval is None:
        return ""
    return f"{_number(interval.low, digits, language)}–{_number(interval.high, digits, language)}"
