"""Where the charts come from: an in-toto statement with all digests, and Helm's provenance if a key signs.

Formats: https://slsa.dev/spec/v1.0/provenance, https://helm.sh/docs/topics/provenance/
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from signalbox.errors import InputError, SetupError
from tools.charts.helm import find_tool
from tools.oci.client import file_digest
from tools.oci.layout import Descriptor
from tools.package.charts import Chart
from tools.package.source import Source

_BUILD_TYPE = "urn:signalbox:make-package:1"
_BUILDER = "urn:signalbox:builder:local"


def statement(
    charts: Sequence[Chart], manifests: Mapping[str, Descriptor], source: Source, repository: str
) -> str:
    """The statement about archives and manifests. It has no commit if the files are not those of a commit."""
    digests = {chart.archive.name: file_digest(chart.archive) for chart in charts}
    digests |= {name: str(descriptor["digest"]) for name, descriptor in manifests.items()}
    dependency = {"uri": f"git+{repository}"} if repository else {"name": "signalbox"}
    commit = [dependency | {"digest": {"gitCommit": source.commit}}] if source.commit else []
    content = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [
            {"name": name, "digest": {"sha256": digest.removeprefix("sha256:")}}
            for name, digest in sorted(digests.items())
        ],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": _BUILD_TYPE,
                "externalParameters": {"path": "charts"},
                "resolvedDependencies": commit,
            },
            "runDetails": {"builder": {"id": _BUILDER}, "metadata": {"finishedOn": source.time}},
        },
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def subjects(path: Path) -> dict[str, str]:
    """Name → digest of each subject of a statement."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return {item["name"]: f"sha256:{item['digest']['sha256']}" for item in content["subject"]}


def sign_charts(charts: Sequence[Chart], key: str, public: Path) -> None:
    """Sign each archive as Helm does, write the public key, and let Helm verify."""
    public.write_bytes(_gpg("--export", key))
    if not public.stat().st_size:
        public.unlink()
        raise InputError("KEY", key, "Name a key that `gpg --list-secret-keys` shows.")
    for chart in charts:
        chart.signature.write_bytes(_gpg("--clearsign", "--local-user", key, text=_message(chart)))
        verify(chart, public)


def sign_file(path: Path, key: str, signature: Path) -> None:
    """Write the signature of a file next to it."""
    words = ("--armor", "--detach-sign", "--local-user", key)
    signature.write_bytes(_gpg(*words, text=path.read_text(encoding="utf-8")))


def verify(chart: Chart, keyring: Path) -> None:
    """`helm verify`; raises SetupError with Helm's reason."""
    command = [find_tool("helm"), "verify", str(chart.archive), "--keyring", str(keyring)]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    if process.returncode:
        hint = "Helm 3 reads RSA keys: gpg --quick-generate-key NAME rsa4096 sign"
        raise SetupError(
            f"Helm rejects the signature of {chart.archive.name}: {process.stderr.strip()}", hint=hint
        )


def _message(chart: Chart) -> str:
    """What Helm's provenance signs: the chart's metadata, and the digest of the archive."""
    files = {"files": {chart.archive.name: file_digest(chart.archive)}}
    return f"{yaml.safe_dump(chart.about)}\n...\n{yaml.safe_dump(files)}"


def _gpg(*words: str, text: str = "") -> bytes:
    command = ["gpg", "--batch", "--yes", "--digest-algo", "SHA512", *words]
    try:
        process = subprocess.run(command, input=text.encode(), capture_output=True, check=False)
    except FileNotFoundError as error:
        raise SetupError("gpg is not installed.", hint="apt-get install gnupg") from error
    if process.returncode:
        reason = process.stderr.decode("utf-8", "replace").strip()
        raise SetupError(f"gpg does not sign: {reason}", hint="Check KEY with: gpg --list-secret-keys")
    return process.stdout
