"""What the encoder uses of KServe's package, without the rest of it.

`import kserve` also imports KServe's client of the Kubernetes API, which nothing here uses: a quarter of the CPU time of a
start, and 60 MB of the image. So its `__init__` is not run: the package is put in place empty, and its modules are imported
by their own names. Where `kserve` was imported before, as it is.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec, module_from_spec


def _put_package_in_place() -> None:
    spec = find_spec("kserve") if "kserve" not in sys.modules else None
    if spec is not None:
        sys.modules["kserve"] = module_from_spec(spec)


_put_package_in_place()

# After the package is in place. Importing model_server parses sys.argv leniently.
from kserve import model_server  # noqa: E402
from kserve.errors import InvalidInput  # noqa: E402
from kserve.logging import KSERVE_TRACE_LOGGER_NAME  # noqa: E402
from kserve.model import Model  # noqa: E402
from kserve.model_server import ModelServer  # noqa: E402
from kserve.protocol.infer_type import InferOutput, InferRequest, InferResponse  # noqa: E402

__all__ = [
    "KSERVE_TRACE_LOGGER_NAME",
    "InferOutput",
    "InferRequest",
    "InferResponse",
    "InvalidInput",
    "Model",
    "ModelServer",
    "model_server",
]
