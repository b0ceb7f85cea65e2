"""Free GPUs of a Kubernetes cluster, read through the official client (an optional dependency)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from typing import Any

from signalbox.capacity.hardware.inventory import Pool, merge
from signalbox.capacity.hardware.node_table import load_node_table
from signalbox.capacity.hardware.nodes import NodeGpus, read_nodes
from signalbox.capacity.spec import Gpu
from signalbox.errors import InputError, SetupError

_PAGE = 500
_TIMEOUT_SECONDS = (5, 30)  # to connect, to read
_INSTALL = "uv pip install 'signalbox[cluster]'"


def cluster_gpus(gpus: Sequence[Gpu], kube_context: str | None = None) -> list[NodeGpus]:
    """Read nodes and pods of the cluster. Raises SetupError where it cannot be reached or read."""
    kubernetes = _package()
    connection = _connection(kubernetes.config, kubernetes.client, kube_context)
    core = kubernetes.client.CoreV1Api(connection)
    nodes = _all(kubernetes.client, connection, core.list_node)
    pods = _all(kubernetes.client, connection, core.list_pod_for_all_namespaces)
    return read_nodes(nodes, pods, gpus, load_node_table())


def pools(rows: Iterable[NodeGpus]) -> tuple[Pool, ...]:
    """The free GPUs by kind."""
    return merge(Pool(row.gpu, row.free, row.free) for row in rows if row.gpu is not None and row.free > 0)


def _package() -> Any:  # noqa: ANN401 - an optional dependency, untyped
    try:
        return import_module("kubernetes")
    except ImportError as error:
        raise SetupError("--cluster needs the kubernetes client.", hint=f"Install it: {_INSTALL}") from error


def _connection(config: Any, client: Any, kube_context: str | None) -> Any:  # noqa: ANN401
    """A separate API client, from the kubeconfig or from inside a pod; nothing global is set."""
    try:
        # The package reads KUBECONFIG once, when it is imported.
        return config.new_client_from_config(config_file=os.environ.get("KUBECONFIG"), context=kube_context)
    except config.ConfigException as error:
        if kube_context is not None:
            raise InputError("--kube-context", kube_context, _known_contexts(config)) from error
        inside = client.Configuration()
        try:
            config.load_incluster_config(client_configuration=inside)
        except config.ConfigException:
            raise SetupError(
                f"--cluster: no cluster is configured ({error}).",
                hint="Set KUBECONFIG, or create ~/.kube/config (check: kubectl config current-context).",
            ) from error
        return client.ApiClient(inside)


def _known_contexts(config: Any) -> str:  # noqa: ANN401
    try:
        contexts, _ = config.list_kube_config_contexts(config_file=os.environ.get("KUBECONFIG"))
    except config.ConfigException as error:
        return f"The kubeconfig is invalid: {error}"
    return f"Known contexts: {', '.join(row['name'] for row in contexts)}."


def _all(client: Any, connection: Any, call: Callable[..., Any]) -> list[dict[str, Any]]:  # noqa: ANN401
    """All pages of a list, as the API's JSON."""
    rows: list[dict[str, Any]] = []
    following: str | None = None
    while True:
        page = _page(client, connection, call, following)
        rows += [connection.sanitize_for_serialization(row) for row in page.items]
        following = page.metadata._continue  # the client's name for metadata.continue
        if not following:
            return rows


def _page(client: Any, connection: Any, call: Callable[..., Any], following: str | None) -> Any:  # noqa: ANN401
    from urllib3.exceptions import HTTPError  # noqa: PLC0415 - comes with the client

    options = {"_continue": following} if following else {}
    try:
        return call(limit=_PAGE, _request_timeout=_TIMEOUT_SECONDS, **options)
    except client.ApiException as error:
        if error.status in (401, 403):
            raise SetupError(
                "The cluster forbids listing nodes and pods of all namespaces "
                f"({error.status} {error.reason}).",
                hint="You need a ClusterRole with get and list on nodes and pods.",
            ) from error
        raise SetupError(f"The cluster answered {error.status} {error.reason}.") from error
    except HTTPError as error:
        raise SetupError(
            f"Cannot reach the cluster at {connection.configuration.host} ({type(error).__name__}).",
            hint="Check the address in the kubeconfig and the network.",
        ) from error
