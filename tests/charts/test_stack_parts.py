"""The stack rejects parts that do not find each other, and accepts parts that another release installs."""

import json
import re

import pytest
import yaml

from tests.charts.claims import copy_with_claims
from tests.charts.conftest import chart_folder, environment, one, pod_of, render, render_error
from tools.charts.helm import template

POSTGRES = {"type": "postgres", "postgres": {"existingSecret": "a"}}
BOTH_ON_POSTGRES = {"assessor": {"database": POSTGRES}, "pipelines": {"database": POSTGRES}}
MOVED = {
    "assessor": {
        "persistence": {"existingClaim": "mydata"},
        "encoder": {"storageUri": "pvc://mydata/releases"},
    },
    "pipelines": {
        "persistence": {"existingClaim": "mydata"},
        "database": {"sqlite": {"existingClaim": "mydata"}},
    },
}
KSERVE = {"assessor": {"encoder": {"kserve": True}}}
INSTALL = (chart_folder("signalbox").parents[1] / "docs" / "guides" / "install.md").read_text(
    encoding="utf-8"
)


def decoders(url, **decoder):
    return {part: {"decoder": {"url": url} | decoder} for part in ("assessor", "pipelines")}


def without(values, part, *keys):
    """A copy of the values in which a part lacks these keys."""
    return values | {part: {key: value for key, value in values[part].items() if key not in keys}}


REJECTED = {
    "a server on KServe": (
        {"model-server": {"kserve": {"enabled": True}}},
        'assessor.decoder.url: "http://model-server/v1", but the Service of that server is model-server-predictor. '
        "Use http://model-server-predictor/v1.",
    ),
    "a server that left KServe": (
        decoders("http://model-server-predictor/v1"),
        'assessor.decoder.url: "http://model-server-predictor/v1", but the Service of that server is model-server.',
    ),
    "a server at another port": (
        {
            "model-server": {"service": {"port": 8000}},
            "assessor": decoders("http://model-server:8000/v1")["assessor"],
        },
        'pipelines.decoder.url: "http://model-server/v1", but the Service of that server is model-server. '
        "Use http://model-server:8000/v1.",
    ),
    "a server of the map at another port": (
        {"models": {"small": {"gpu": {"product": "L4"}, "service": {"port": 8000}}}}
        | decoders("http://model-small/v1"),
        "Use http://model-small:8000/v1.",
    ),
    "a server with its key elsewhere": (
        {"model-server": {"apiKey": {"existingSecret": "model-key"}}},
        "assessor.decoder.apiKey.existingSecret: is not set, but the key of http://model-server/v1 is in Secret "
        '"model-key". Set it to "model-key".',
    ),
    "an encoder on KServe": (
        KSERVE,
        'pipelines.encoder.url: "http://assessor-encoder", but the assessor calls '
        "http://assessor-encoder-predictor.models.svc. Set it to http://assessor-encoder-predictor.",
    ),
    "an encoder at another port": (
        {"assessor": {"encoder": {"port": 8080}}},
        "Set it to http://assessor-encoder:8080.",
    ),
    "an encoder elsewhere": (
        {"assessor": {"encoder": {"url": "http://encoder.other"}}},
        'pipelines.encoder.url: "http://assessor-encoder", but the assessor calls http://encoder.other.',
    ),
    "an encoder that is disabled": (
        {"assessor": {"encoder": {"enabled": False}}},
        'pipelines.encoder.url: "http://assessor-encoder", but assessor.encoder.enabled is false.',
    ),
    "an assessor at another port": (
        {"assessor": {"service": {"port": 8080}}},
        'pipelines.assessor.url: "http://assessor", but the Service of the assessor is assessor. '
        "Use http://assessor:8080.",
    ),
    "an assessor with its keys elsewhere": (
        {"assessor": {"apiKeys": {"existingSecret": "clients"}}},
        "pipelines.assessor.apiKey.existingSecret: is not set, but the keys of the assessor are in Secret "
        '"clients". Set it to "clients"',
    ),
    "a database on a claim that exists": (
        {"assessor": {"persistence": {"existingClaim": "mydata"}}},
        'pipelines.database.sqlite.existingClaim: "assessor", but the database of the assessor is on claim "mydata".',
    ),
    "a database on a claim of another name": (
        {"assessor": {"persistence": {"claimName": "mydata"}}},
        'pipelines.database.sqlite.existingClaim: "assessor", but the database of the assessor is on claim "mydata".',
    ),
    "a database without a claim": (
        {"assessor": {"persistence": {"enabled": False}}},
        "assessor.persistence.enabled: false, so the jobs cannot read the assessor's database.",
    ),
    "releases on a claim that nothing creates": (
        without(MOVED, "assessor", "encoder"),
        'assessor.encoder.storageUri: names claim "assessor", but no part of this release creates it. Name mydata.',
    ),
    "state on a claim that nothing creates": (
        without(MOVED, "pipelines", "persistence"),
        'pipelines.persistence.existingClaim: names claim "assessor", but no part of this release creates it.',
    ),
    "thresholds on a claim that nothing creates": (
        {"assessor": {"thresholds": {"existingClaim": "pipelines"}}},
        'assessor.thresholds.existingClaim: names claim "pipelines", but no part of this release creates it.',
    ),
    "Postgres without a claim for the jobs": (
        BOTH_ON_POSTGRES,
        'assessor.encoder.storageUri: names claim "assessor", but no part of this release creates it. '
        "Name a claim that exists, or create one as values-postgres.yaml does.",
    ),
}
ACCEPTED = {
    "an encoder without any decoder": {
        "model-server": {"enabled": False},
        "assessor": {"decoder": {"enabled": False}},
        "pipelines": {"decoder": {"enabled": False}},
    },
    "a model server of another release": {"model-server": {"enabled": False}},
    "a server on KServe": {"model-server": {"kserve": {"enabled": True}}} | decoders("http://model-server-predictor:8080/v1"),
    "a server at another port": {"model-server": {"service": {"port": 8000}}}
    | decoders("http://model-server.models.svc.cluster.local:8000/v1"),
    "a key elsewhere that the parts name": {"model-server": {"apiKey": {"existingSecret": "model-key"}}}
    | decoders("http://model-server/v1", apiKey={"existingSecret": "model-key"}),
    "another encoder for the jobs": {"pipelines": {"encoder": {"url": "http://canary"}}},
    "one claim that exists": MOVED,
    "claims of other names": {"assessor": {"thresholds": {"existingClaim": "shared"}}},
    "no jobs": {"assessor": {"database": POSTGRES, "encoder": {"storageUri": "pvc://pipelines/releases"}}, "pipelines": {"enabled": False}},
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED)
def test_parts_that_do_not_find_each_other_are_rejected(case):
    values, message = REJECTED[case]
    assert message in render_error("signalbox", values)


@pytest.mark.parametrize("case", ACCEPTED)
def test_parts_that_find_each_other_are_accepted(case):
    assert render("signalbox", ACCEPTED[case])


def test_a_claim_that_an_earlier_revision_created_may_be_named(tmp_path):
    """After a move to Postgres, the claim of SQLite stays, and the jobs keep their state on it."""
    live = {"assessor": {"spec": {"accessModes": ["ReadWriteOnce"]}}}
    chart = copy_with_claims("signalbox", json.dumps(live), tmp_path / "signalbox")
    process = template(chart, values=yaml.safe_dump(BOTH_ON_POSTGRES))
    assert process.returncode == 0, process.stderr


def test_the_key_of_a_server_on_kserve_is_in_the_secret_of_its_chart():
    url = {"decoder": {"url": "http://model-server-predictor/v1"}}
    assessor = pod_of(one(render("assessor", url), "Deployment", "x-assessor"))
    job = {"jobs": {"train": {"enabled": False}, "calibrate": {"enabled": True}}}
    calibrate = pod_of(one(render("pipelines", url | job), "Job"))
    for pod in (assessor, calibrate):
        key = environment(pod)["SIGNALBOX_DECODER_API_KEY"]["valueFrom"]["secretKeyRef"]
        assert key["name"] == "model-server-key"


@pytest.mark.parametrize("heading", ["KServe", "GitOps"])
def test_the_values_of_the_guide_are_accepted(heading):
    section = re.search(rf"^## {heading}$(.*?)^## ", INSTALL, re.DOTALL | re.MULTILINE)[1]
    pairs = re.findall(r"--set (\S+)", section)
    assert pairs
    assert render("signalbox", {}, *(word for pair in pairs for word in ("--set", pair)))
