"""An evaluation as Markdown and as named numbers."""

from __future__ import annotations

from pipelines.evaluate.evaluation import Evaluation
from pipelines.evaluate.summary import LightShare, Summary


def markdown(evaluation: Evaluation) -> str:
    """Tables of all figures."""
    lines = [f"# {evaluation.task}: {evaluation.route}", "", f"Release: `{evaluation.release_key}`", ""]
    lines += [
        "| language | n | accuracy (95 %) | majority | length | tf-idf | Brier | ECE | AUC | p50 s | p95 s |"
    ]
    lines += ["|---|---|---|---|---|---|---|---|---|---|---|"]
    for s in evaluation.summaries.values():
        cells = [s.language, str(s.rows), with_interval(s.accuracy, s.interval)]
        cells += [f"{s.baselines[name]:.2f}" for name in ("majority", "length", "tfidf")]
        cells += [_number(s.brier), _number(s.ece), _number(s.auc)]
        cells += [f"{s.latency_seconds[0.5]:.3f}", f"{s.latency_seconds[0.95]:.3f}"]
        lines.append(f"| {' | '.join(cells)} |")
    for title, pick in (("shown", "lights"), ("if certified", "candidate_lights")):
        lines += ["", f"Light {title}: coverage, error among them (95 %)", ""]
        lines += ["| language | green | yellow | red |", "|---|---|---|---|"]
        for s in evaluation.summaries.values():
            shares = getattr(s, pick)
            lines.append(
                f"| {s.language} | {' | '.join(_share(shares[k]) for k in ('green', 'yellow', 'red'))} |"
            )
    lines += ["", "| language | label | answer yes | answer no | neutral |", "|---|---|---|---|---|"]
    for s in evaluation.summaries.values():
        for label, row in s.confusion.items():
            lines.append(f"| {s.language} | {label} | {row['yes']} | {row['no']} | {row['neutral']} |")
    return "\n".join(lines) + "\n"


def with_interval(value: float, interval: tuple[float, float]) -> str:
    """E.g. `0.55 (0.46-0.64)`."""
    return f"{value:.2f} ({interval[0]:.2f}-{interval[1]:.2f})"


def flat(summary: Summary) -> dict[str, float]:
    """The figures by name, without those that do not exist."""
    values: dict[str, float | None] = {
        "accuracy": summary.accuracy,
        "accuracy_low": summary.interval[0],
        "accuracy_high": summary.interval[1],
        "brier": summary.brier,
        "ece": summary.ece,
        "auc": summary.auc,
        "verdict_mass": summary.verdict_mass,
        "tokens_per_second": summary.tokens_per_second,
        **{f"baseline_{name}": value for name, value in summary.baselines.items()},
        **{f"latency_p{q * 100:g}_seconds": value for q, value in summary.latency_seconds.items()},
        **{f"coverage_{light}": share.coverage for light, share in summary.lights.items()},
        **{f"error_{light}": share.error for light, share in summary.lights.items()},
        **{
            f"candidate_coverage_{light}": share.coverage for light, share in summary.candidate_lights.items()
        },
        **{f"candidate_error_{light}": share.error for light, share in summary.candidate_lights.items()},
    }
    if summary.lengths:
        values |= {f"answer_{name}": value for name, value in vars(summary.lengths).items()}
    return {name: value for name, value in values.items() if value is not None}


def _share(share: LightShare) -> str:
    if share.error is None or share.error_interval is None:
        return "0 %"
    return f"{share.coverage:.0%}, {with_interval(share.error, share.error_interval)}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
