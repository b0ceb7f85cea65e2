"""Certificates and kubeconfigs: one authority, one certificate a component, all made by openssl for a day."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

from tools.cluster.layout import ADDRESSES, NODE, Layout

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1")
_SERVICE = "kubernetes.default.svc"
_LOOPBACK = "DNS:localhost,IP:127.0.0.1,IP:" + ADDRESSES["ADDRESS"]
# Name → (subject, alternative names). The subject is the user whom the API server sees.
CERTIFICATES = {
    "apiserver": (
        "/CN=kube-apiserver",
        f"{_LOOPBACK},DNS:kubernetes,DNS:kubernetes.default,DNS:{_SERVICE},DNS:{_SERVICE}.cluster.local,"
        f"IP:{ADDRESSES['API']}",
    ),
    "webhook": ("/CN=webhook", _LOOPBACK),
    "front-proxy": ("/CN=front-proxy", ""),
    "admin": ("/O=system:masters/CN=admin", ""),
    "controller-manager": ("/CN=system:kube-controller-manager", ""),
    "scheduler": ("/CN=system:kube-scheduler", ""),
    "proxy": ("/CN=system:kube-proxy", ""),
    "kube-router": ("/CN=kube-router", ""),
    "kubelet": (f"/O=system:nodes/CN=system:node:{NODE}", ""),
}
CLIENTS = ("admin", "controller-manager", "scheduler", "proxy", "kube-router", "kubelet")


def make(layout: Layout) -> None:
    """Write all certificates, the key of service accounts and the kubeconfigs below the folder pki."""
    folder = layout.folder("pki")
    folder.chmod(0o700)
    _openssl(
        folder, "req", "-x509", *_KEY, "-subj", "/CN=signalbox-test", "-keyout", "ca.key", "-out", "ca.crt"
    )
    for name, (subject, names) in CERTIFICATES.items():
        more = ["extendedKeyUsage=serverAuth,clientAuth", "basicConstraints=critical,CA:FALSE"]
        more += [f"subjectAltName={names}"] if names else []
        extensions = [word for extension in more for word in ("-addext", extension)]
        signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-subj", subject, *extensions)
        out = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        _openssl(folder, "req", "-x509", *_KEY, *signed, *out)
    _openssl(folder, "genrsa", "-out", "sa.key", "2048")
    _openssl(folder, "rsa", "-in", "sa.key", "-pubout", "-out", "sa.pub")
    for name in CLIENTS:
        credentials = (
            f"client-certificate-data: {encoded(folder / f'{name}.crt')}, "
            f"client-key-data: {encoded(folder / f'{name}.key')}"
        )
        kubeconfig(layout, name, credentials)


def kubeconfig(layout: Layout, name: str, credentials: str) -> Path:
    """Write a kubeconfig with these credentials, given as the inside of a YAML mapping."""
    target = layout.folder("pki") / f"{name}.kubeconfig"
    authority = encoded(layout.folder("pki") / "ca.crt")
    layout.fill("kubeconfig.yaml", target, NAME=name, AUTHORITY=authority, CREDENTIALS=credentials)
    target.chmod(0o600)
    return target


def encoded(path: Path) -> str:
    """A file's bytes in base64."""
    return base64.b64encode(path.read_bytes()).decode()


def _openssl(folder: Path, *args: str) -> None:
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)
