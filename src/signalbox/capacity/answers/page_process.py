"""A plan's page as a program: a question as JSON on stdin, the parts of the page or an error as JSON on stdout.

A server runs it for each question, so that the planner neither holds up its event loop nor stays in its memory, and is
stopped by ending a process. Questions come from a form: models are names of the catalogue, so nothing is read from
the network or from a path.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from signalbox.capacity.answers.page import page_parts
from signalbox.capacity.answers.page_file import Language
from signalbox.capacity.hardware.select import AUTO
from signalbox.capacity.models.catalogue import Catalogue
from signalbox.capacity.models.catalogue_names import default_engine
from signalbox.capacity.planner.plan import default_catalogue
from signalbox.capacity.planner.request import Request
from signalbox.errors import InputError, SignalboxError

_NICE = 10  # below the server
_CPU_SECONDS = 60  # for a process that its server left behind
# Owner and name with an optional tag; what `find_model` reads from disk or from the Hub is not such a name.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]*(/[A-Za-z0-9][A-Za-z0-9._ -]*)?(:[A-Za-z0-9._-]+)?")
_FILES = (".json", ".gguf")


def main() -> None:
    """Answer the question on stdin."""
    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    os.chdir(Path(__file__).parent)  # without a folder that has a model's name
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


def answer(question: Mapping[str, Any]) -> dict[str, Any]:
    """`page`: the parts for the fields in `question["request"]`, or `error`; `names` of the catalogue without them."""
    rows = default_catalogue()
    request = question.get("request")
    if request is None:
        return {"names": names(rows)}
    try:
        check_names(request, rows)
        engine = request.get("engine") or default_engine(request["model"])
        parts = page_parts(
            Request(**{**request, "engine": engine}), rows, language=_language(question["language"])
        )
    except InputError as error:
        return {"error": {"field": error.field, "message": error.message, "hint": error.hint}}
    except SignalboxError as error:
        return {"error": {"field": "", "message": error.message, "hint": error.hint}}
    return {"page": asdict(parts)}


def check_names(request: Mapping[str, Any], catalogue: Catalogue) -> None:
    """Raises InputError for a model that is not one of the catalogue, and for the GPU of the machine that answers."""
    name = request["model"]
    if not _NAME.fullmatch(name) or name.endswith(_FILES) or name.startswith("hf:"):
        problem = f"`{name}` is not a name of the catalog"
        raise InputError(
            "--model", name, "use a name such as `meta-llama/Llama-3.1-8B-Instruct`", problem=problem
        )
    catalogue.model(name)
    if request.get("gpu", "").strip().lower() == AUTO:
        problem = "`auto` is for the command line: this page runs on a server"
        raise InputError("--gpu", AUTO, "name a GPU, such as `L4` or `2xL4`", problem=problem)


def names(catalogue: Catalogue) -> dict[str, list[str]]:
    """What a form proposes."""
    return {
        "models": [row.name for row in catalogue.models],
        "gpus": [row.product for row in catalogue.gpus if row.slice_of is None],
        "engines": [row.name for row in catalogue.engines],
        "quantizations": [row.name for row in catalogue.quantizations],
    }


def _language(text: str) -> Language:
    return "de" if text == "de" else "en"


if __name__ == "__main__":
    main()
