"""Values that the assessor's chart rejects, and its messages."""

import pytest

from tests.charts.conftest import POSTGRES, render_error

SQLITE_HINT = "Set replicas to 1, or database.type to postgres"

# Values that cannot work, with the key in the message and a part of the hint.
REJECTED = {
    "two pods on SQLite": ({"replicas": 2}, "replicas: 2", SQLITE_HINT),
    "autoscaling on SQLite": (
        {"autoscaling": {"enabled": True}},
        "autoscaling.enabled: true",
        "database.type to postgres",
    ),
    "no decoder": ({"decoder": {"url": ""}}, "decoder.url", "Give the base URL"),
    "no encoder": ({"encoder": {"install": False}}, "encoder.url: is empty", "encoder.install to true"),
    "an encoder from nowhere": ({"encoder": {"storageUri": ""}}, "encoder.storageUri", "for example pvc://"),
    "a Service of the encoder that KServe creates": (
        {"encoder": {"kserve": True, "service": {"type": "NodePort"}}},
        "encoder.service: has no effect with encoder.kserve",
        "set encoder.kserve to false",
    ),
    "source ranges of the encoder without a load balancer": (
        {"encoder": {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}},
        "encoder.service.loadBalancerSourceRanges: is set, but encoder.service.type is ClusterIP",
        "Set encoder.service.type to LoadBalancer",
    ),
    "no model": (
        {"encoder": {"enabled": False}, "decoder": {"enabled": False}},
        "decoder.enabled: is false",
        "Enable at least one",
    ),
    "a release that only KServe downloads": (
        {"encoder": {"storageUri": "s3://bucket/release"}},
        'encoder.storageUri: "s3://bucket/release" is not pvc://CLAIM/PATH',
        "set encoder.kserve to true",
    ),
    "a claim that is no name": (
        {"encoder": {"storageUri": "pvc:///releases"}},
        'encoder.storageUri: "pvc:///releases"',
        "Name a claim",
    ),
    "Postgres without a URL": (
        {"database": {"type": "postgres"}},
        "database.postgres.existingSecret",
        "Name the Secret",
    ),
    "a URL for Postgres on SQLite": (
        {"database": {"postgres": {"url": "postgresql://h/d"}}},
        "database.type: sqlite",
        "Set database.type to postgres",
    ),
    "two URLs of Postgres": (
        {
            "database": {
                "type": "postgres",
                "postgres": {"existingSecret": "signalbox-app", "url": "postgresql://h/d"},
            }
        },
        'database.postgres.existingSecret: "signalbox-app"',
        "Keep only one",
    ),
    "two keys": (
        {"decoder": {"apiKey": {"value": "k", "existingSecret": "s"}}},
        'decoder.apiKey.existingSecret: "s"',
        "Keep only one",
    ),
    "a claim without persistence": (
        {"persistence": {"enabled": False, "existingClaim": "c"}},
        'persistence.existingClaim: "c"',
        "Set persistence.enabled to true",
    ),
    "the size of an existing claim": (
        {"persistence": {"existingClaim": "c", "size": "5Gi"}},
        'persistence.size: "5Gi"',
        "Keep only one of them",
    ),
    "the class of an existing claim": (
        {"persistence": {"existingClaim": "c", "storageClass": "fast"}},
        'persistence.storageClass: "fast"',
        "Keep only one of them",
    ),
    "two sources of thresholds": (
        {"thresholds": {"existingConfigMap": "m", "existingClaim": "c"}},
        'thresholds.existingClaim: "c"',
        "Keep only one of them",
    ),
    "clients of a Secret that nobody asks for": (
        {"apiKeys": {"enabled": False, "existingSecret": "s"}},
        'apiKeys.existingSecret: "s"',
        "Set apiKeys.enabled to true",
    ),
    "a limit beside a Secret of one's own": (
        {"apiKeys": {"existingSecret": "s", "requestsPerMinute": 5}},
        "apiKeys.requestsPerMinute: 5",
        "into the clients file",
    ),
    "a clients file that nothing creates": (
        {"apiKeys": {"generate": False}},
        "apiKeys.existingSecret: is empty, but apiKeys.generate is false",
        "create a Secret with it as clients.yaml",
    ),
    "a rolling update with SQLite": (
        {"strategy": {"type": "RollingUpdate"}},
        "strategy: updates in a rolling way, but database.type is sqlite",
        "Set strategy.type to Recreate",
    ),
    "source ranges without a load balancer": (
        {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}},
        "service.loadBalancerSourceRanges: is set, but service.type is ClusterIP",
        "Set service.type to LoadBalancer",
    ),
    "an Ingress that ends before the decoder": (
        {"ingress": {"enabled": True, "host": "a.example", "timeout": "30s"}},
        "ingress.timeout: 30s is shorter than decoder.timeoutSeconds, 60",
        "Increase ingress.timeout",
    ),
    "a limit of none": ({"apiKeys": {"requestsPerMinute": 0}}, "/apiKeys/requestsPerMinute", "minimum"),
    "autoscaling with no metrics": (
        POSTGRES | {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": None}},
        "autoscaling.metrics",
        "at least one metric",
    ),
    "more pods at least than at most": (
        POSTGRES | {"autoscaling": {"enabled": True, "minReplicas": 9}},
        "autoscaling.minReplicas: 9",
        "Increase autoscaling.maxReplicas",
    ),
    "more encoders at least than at most": (
        {"encoder": {"minReplicas": 9}},
        "encoder.minReplicas: 9",
        "Increase encoder.maxReplicas",
    ),
    "an Ingress without a host": ({"ingress": {"enabled": True}}, "ingress.host", "Give the host name"),
    "a route without a gateway": (
        {"httpRoute": {"enabled": True}},
        "httpRoute.parentRefs",
        "Name the Gateway",
    ),
    "a floating tag": ({"image": {"tag": "latest"}}, 'image.tag: "latest"', "Give a version"),
    "a floating tag of the encoder": (
        {"encoder": {"image": {"tag": "latest"}}},
        "encoder.image.tag",
        "Give a version",
    ),
    "a kind of database that is not known": ({"database": {"type": "mysql"}}, "/database/type", "'sqlite'"),
    "a URL without a scheme": ({"decoder": {"url": "llama:8080"}}, "/decoder/url", "pattern"),
}


@pytest.mark.parametrize("case", REJECTED)
def test_values_that_cannot_work_are_rejected_with_key_value_and_hint(case):
    values, key, hint = REJECTED[case]
    error = render_error("assessor", values)
    assert key in error
    assert hint in error
