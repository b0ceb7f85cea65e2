"""What helm takes away and what it leaves. The last tests of the session's installation: the file's name sorts them last."""

import pytest

pytestmark = pytest.mark.cluster


def test_uninstall_keeps_claims_and_keys_that_say_so(installed, pipelines):
    before = installed.key("assessor-keys"), installed.key("model-server-key")
    for release in ("pipelines", "assessor", "model-server"):
        installed.helm("uninstall", release, "--wait", "--timeout=2m", timeout=150)
    ours = ("--selector=app.kubernetes.io/part-of=signalbox", "-o", "name")
    left = installed.kubectl("get", "deployment,service,inferenceservice", *ours).stdout
    assert left == ""
    claims = installed.kubectl("get", "pvc", "-o", "name").stdout.split()
    assert {"persistentvolumeclaim/assessor", "persistentvolumeclaim/model-server-cache-rwx"} <= set(claims)
    assert (installed.key("assessor-keys"), installed.key("model-server-key")) == before
