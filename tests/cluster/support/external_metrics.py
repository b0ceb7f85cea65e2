"""A stand-in for an adapter of external metrics (prometheus-adapter, KEDA): it serves one value from a file.

`external_metrics.py PORT CERTIFICATE KEY FILE`, run inside the cluster. It speaks as much of the API as the controller of
HorizontalPodAutoscalers asks for, and is registered by an APIService.
"""

import json
import ssl
import sys
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from tools.cluster.layout import ADDRESSES

GROUP, VERSION = "external.metrics.k8s.io", "v1beta1"
BASE = f"/apis/{GROUP}/{VERSION}"
PORT = 9444
NAMESPACE = "kube-system"


def answer(path: str, value: str) -> dict[str, object]:
    """The object at a path: the list of resources, or the value of the metric that the path names."""
    if not path.startswith(f"{BASE}/namespaces/"):
        return {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": f"{GROUP}/{VERSION}",
            "resources": [],
        }
    metric = path.partition("?")[0].rpartition("/")[2]
    item = {
        "metricName": metric,
        "metricLabels": {},
        "timestamp": f"{datetime.now(UTC):%FT%TZ}",
        "value": value,
    }
    return {
        "kind": "ExternalMetricValueList",
        "apiVersion": f"{GROUP}/{VERSION}",
        "metadata": {},
        "items": [item],
    }


def objects() -> dict[str, object]:
    """What registers the process with the API server: it is no pod, so its Service has no selector."""
    name = {"name": "external-metrics", "namespace": NAMESPACE}
    port = {"name": "https", "port": 443, "targetPort": PORT}
    endpoints = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": name | {"labels": {"kubernetes.io/service-name": "external-metrics"}},
        "addressType": "IPv4",
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        "endpoints": [{"addresses": [ADDRESSES["ADDRESS"]], "conditions": {"ready": True}}],
    }
    registration = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": f"{VERSION}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "service": name,
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    }
    service = {"apiVersion": "v1", "kind": "Service", "metadata": name, "spec": {"ports": [port]}}
    return {"apiVersion": "v1", "kind": "List", "items": [service, endpoints, registration]}


def main(port: int, certificate: str, key: str, file: Path) -> None:
    """Serve until the process is killed."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(answer(self.path, file.read_text(encoding="utf-8").strip())).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = HTTPServer((ADDRESSES["ADDRESS"], port), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:4], Path(sys.argv[4]))
