"""A prediction in a terminal."""

from __future__ import annotations

from rich.console import Console

from signalbox.errors import SetupError

_STYLES = {"green": "bold green", "yellow": "bold yellow", "red": "bold red"}


def print_prediction(console: Console, text: str, prediction: dict[str, object]) -> None:
    """Print an answer of the API: symbol, word and color of its light, verdict, reason. Raises SetupError."""
    light = prediction["light"]
    if not isinstance(light, dict):
        raise SetupError(
            "The assessor's answer has no light.",
            hint="Another version of the assessor may be running on this port: stop it, and start this one.",
        )
    style = _STYLES[str(light["color"])]
    console.print(
        f"  {light['symbol']} {light['word']}", style=style, end="  ", markup=False, highlight=False
    )
    console.print(prediction["word"] or "-", end="  ", markup=False, highlight=False)
    console.print(text, style="italic", markup=False, highlight=False)
    reason = prediction["justification"] or light["text"]
    console.print(f"      {prediction['route']}: {reason}", style="dim", markup=False, highlight=False)
