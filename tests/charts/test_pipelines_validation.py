"""Values that the pipelines' chart rejects, and its messages."""

import pytest

from tests.charts.conftest import render_error
from tests.charts.pipelines_chart import JUDGE

# Values that cannot work, with the key in the message and a part of the hint.
REJECTED = {
    "shards of a job that has none": (
        {"jobs": {"train": {"shards": 4}}},
        "jobs.train.shards: 4",
        "only evaluate, compare and judge support shards",  # those of files/jobs.yaml
    ),
    "shards as an option": (
        JUDGE | {"jobs": {"judge": {"enabled": True, "args": ["--shards=4"]}}},
        'jobs.judge.args: "--shards=4"',
        "in jobs.judge.shards",
    ),
    "a schedule of four fields": (
        {"jobs": {"drift": {"enabled": True, "schedule": "0 2 * *"}}},
        'jobs.drift.schedule: "0 2 * *"',
        "Give five fields",
    ),
    "a word that cron does not know": (
        {"jobs": {"drift": {"schedule": "@nightly"}}},
        'jobs.drift.schedule: "@nightly"',
        "such as @daily",
    ),
    "a schedule for all that is none": (
        {"jobDefaults": {"schedule": "nightly"}},
        ".schedule: ",
        "Give five fields",
    ),
    "a time zone within the schedule": (
        {"jobs": {"drift": {"schedule": "CRON_TZ=UTC 0 2 * * *"}}},
        "contains a time zone",
        "jobs.drift.timeZone",
    ),
    "a judge from nowhere": (
        {"jobs": {"judge": {"enabled": True}}},
        "judge.url: is empty",
        "Give the base URL of the judge",
    ),
    "no decoder to calibrate": (
        {"decoder": {"url": ""}, "jobs": {"calibrate": {"enabled": True}}},
        "decoder.url: is empty, but jobs.calibrate.enabled",
        "jobs.calibrate.enabled to false",
    ),
    "no model": (
        {"encoder": {"enabled": False}, "decoder": {"enabled": False}},
        "decoder.enabled: is false",
        "Enable at least one",
    ),
    "SQLite without a claim": (
        {"database": {"sqlite": {"existingClaim": ""}}},
        "database.sqlite.existingClaim",
        "Name the claim of the assessor",
    ),
    "a Secret of Postgres on SQLite": (
        {"database": {"postgres": {"existingSecret": "signalbox-app"}}},
        "database.type: sqlite",
        "Set database.type to postgres",
    ),
    "Postgres without a Secret": (
        {"database": {"type": "postgres"}},
        "database.postgres.existingSecret",
        "Name the Secret",
    ),
    "two servers of MLflow": (
        {"mlflow": {"url": "http://mlflow.example.org"}},
        'mlflow.url: "http://mlflow.example.org"',
        "Set mlflow.enabled to false",
    ),
    "no server of MLflow": ({"mlflow": {"enabled": False}}, "mlflow.url: is empty", "mlflow.enabled to true"),
    "two pods of MLflow on one volume": (
        {"mlflow": {"replicas": 2}},
        "mlflow.replicas: 2",
        "mlflow.s3.uri",
    ),
    "a rolling update of MLflow with a volume": (
        {"mlflow": {"strategy": {"type": "RollingUpdate"}}},
        "mlflow.strategy: updates in a rolling way, but MLflow has a volume",
        "Set mlflow.strategy.type to Recreate",
    ),
    "source ranges without a load balancer": (
        {"mlflow": {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}},
        "mlflow.service.loadBalancerSourceRanges: is set, but mlflow.service.type is ClusterIP",
        "Set mlflow.service.type to LoadBalancer",
    ),
    "an Ingress without a host": (
        {"mlflow": {"ingress": {"enabled": True}}},
        "mlflow.ingress.host: is empty",
        "Give the host name",
    ),
    "a route without a gateway": (
        {"mlflow": {"httpRoute": {"enabled": True}}},
        "mlflow.httpRoute.parentRefs: is empty",
        "Name the Gateway",
    ),
    "a key of no Secret": (
        {"mlflow": {"postgres": {"existingSecretKey": "uri"}}},
        "mlflow.postgres.existingSecret: is empty",
        "Name the Secret",
    ),
    "a store without a bucket": (
        {"mlflow": {"s3": {"endpoint": "http://minio:9000"}}},
        "mlflow.s3.uri: is empty",
        "Name the bucket",
    ),
    "the size of a claim that exists": (
        {"persistence": {"existingClaim": "c", "size": "5Gi"}},
        'persistence.size: "5Gi"',
        "Keep only one of them",
    ),
    "the class of a claim that exists": (
        {"mlflow": {"persistence": {"existingClaim": "c", "storageClass": "fast"}}},
        'mlflow.persistence.storageClass: "fast"',
        "Keep only one of them",
    ),
    "a claim without persistence": (
        {"mlflow": {"persistence": {"enabled": False, "existingClaim": "c"}}},
        'mlflow.persistence.existingClaim: "c"',
        "Set mlflow.persistence.enabled to true",
    ),
    "an exporter without the volume of the jobs": (
        {"persistence": {"enabled": False}, "metrics": {"enabled": True}},
        "metrics.enabled: true",
        "Set persistence.enabled to true",
    ),
    "a floating tag": ({"mlflow": {"image": {"tag": "latest"}}}, 'mlflow.image.tag: "latest"', "a version"),
    "a job that is not known": ({"jobs": {"trian": {}}}, "/jobs", "'trian' not allowed"),
    "a misspelt key of a job": ({"jobs": {"drift": {"schedul": "@daily"}}}, "/jobs/drift", "'schedul'"),
    "shards by the dozen thousand": ({"jobs": {"judge": {"shards": 5000}}}, "/jobs/judge/shards", "maximum"),
    "an unsupported access mode": ({"persistence": {"accessModes": ["ReadOnlyMany"]}}, "/persistence/accessModes", "one of"),
}  # fmt: skip


@pytest.mark.parametrize("case", REJECTED)
def test_values_that_cannot_work_are_rejected_with_key_value_and_hint(case):
    values, key, hint = REJECTED[case]
    error = render_error("pipelines", values)
    assert key in error
    assert hint in error
