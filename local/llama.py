"""The program that runs llama.cpp's server on this machine.

1. `SIGNALBOX_LLAMA_SERVER`: a path, or a name that is looked up on PATH.
2. The wheel of xllamacpp, which `make install` has installed.
3. `llama-server` on PATH, where no wheel fits the platform.

PATH comes last, so that a program that happens to be there does not change the answers.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
from collections.abc import Mapping

from signalbox.errors import InputError, SetupError
from signalbox.settings import Settings

_PROGRAM = "llama-server"
_WHEEL = "xllamacpp"
# A thread of OpenMP that waits for another spins by default, which on a busy CPU keeps that other one from running.
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}


def command(settings: Settings) -> tuple[str, ...]:
    """The program, with the arguments that come before llama-server's flags. Raises InputError and SetupError."""
    if settings.llama_server is not None:
        return (_configured(settings.llama_server),)
    if importlib.util.find_spec(_WHEEL) is not None:
        return (sys.executable, "-m", "local.engine")
    if path := shutil.which(_PROGRAM):
        return (path,)
    raise SetupError(
        f"There is no engine for the decoder: neither the package {_WHEEL} nor `{_PROGRAM}` on PATH.",
        hint=f"Run `make install`. If {_WHEEL} has no wheel for this platform, install llama.cpp and set "
        "SIGNALBOX_LLAMA_SERVER to its llama-server, or set SIGNALBOX_DECODER_URL or SIGNALBOX_DECODER_ENABLED=false.",
    )


def problem() -> str | None:
    """Why the wheel cannot be loaded, e.g. for want of libgomp; None where it can."""
    try:
        importlib.import_module(_WHEEL)
    except ImportError as error:
        return str(error)
    return None


def environment() -> Mapping[str, str]:
    """Variables of the server; those that the user has set come first."""
    return {name: value for name, value in _ENVIRONMENT.items() if name not in os.environ}


def _configured(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise InputError(
            "SIGNALBOX_LLAMA_SERVER", name, "Set the path of an executable llama-server, or unset it."
        )
    return path
