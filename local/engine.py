"""`python -m local.engine`: llama.cpp's HTTP server from the wheel of xllamacpp, in the foreground until a signal.

The flags are those of `llama-server` with the same names, so that either program fits one row of the stack.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_FLASH_ATTENTION = {
    "auto": "LLAMA_FLASH_ATTN_TYPE_AUTO",
    "on": "LLAMA_FLASH_ATTN_TYPE_ENABLED",
    "off": "LLAMA_FLASH_ATTN_TYPE_DISABLED",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until a signal ends the process; 1 where the model or the port cannot be opened."""
    import xllamacpp

    options = _parser().parse_args(arguments)
    print(f"xllamacpp {xllamacpp.__version__}; {xllamacpp.get_system_info()}", flush=True)  # noqa: T201 - the log
    try:
        server = xllamacpp.Server(parameters(xllamacpp, options))
    except RuntimeError as error:
        print(f"error: {error} The lines above have the cause.", file=sys.stderr)  # noqa: T201
        return 1
    print(f"ready at {server.listening_address}", flush=True)  # noqa: T201
    while True:
        signal.pause()


def parameters(xllamacpp: Any, options: argparse.Namespace) -> Any:  # noqa: ANN401 - a library without types
    """The options as xllamacpp's `CommonParams`."""
    params = xllamacpp.CommonParams()
    params.model.path = str(options.model.resolve())
    params.hostnames, params.port = [options.host], options.port
    params.n_ctx, params.n_parallel = options.ctx_size, options.parallel
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.cache_ram_mib = options.cache_ram
    params.n_ubatch = options.ubatch_size
    params.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, _FLASH_ATTENTION[options.flash_attn])
    params.endpoint_metrics, params.ui = options.metrics, not options.no_webui
    return params


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m local.engine", description=__doc__)
    parser.add_argument("--model", type=Path, required=True, help="GGUF file.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--ctx-size", type=int, default=4096, help="Tokens of all slots together.")
    parser.add_argument("--parallel", type=int, default=1, help="Slots.")
    parser.add_argument("--flash-attn", choices=tuple(_FLASH_ATTENTION), default="auto")
    parser.add_argument("--ubatch-size", type=int, default=512, help="Most tokens computed at once.")
    parser.add_argument("--cache-ram", type=int, default=0, help="MiB for prompts that left their slot.")
    parser.add_argument("--metrics", action="store_true")
    parser.add_argument("--no-webui", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())
