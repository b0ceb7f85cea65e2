"""What `helm install` prints says what the release waits for, where its model comes from and who may ask it."""

import pytest

NAME = "kubernetes.io/metadata.name"


def test_what_must_exist_already_is_listed(notes):
    said = notes(
        {
            "apiKey": {"existingSecret": "mine", "secretKey": "k"},
            "model": {"source": "pvc", "pvc": {"claimName": "models"}},
            "image": {"pullSecrets": ["registry"]},
            "cache": {"existingClaim": "filled"},
            "caBundle": {"existingConfigMap": "our-ca"},
        }
    )
    listed = said.partition("there must be:\n\n")[2].partition("\n\n")[0].splitlines()
    assert [line.strip() for line in listed] == [
        "Secret mine with key k",
        "Secret registry for the registry",
        "PersistentVolumeClaim models with the model",
        "PersistentVolumeClaim filled for the cache",
        "ConfigMap our-ca with entry ca.crt",
    ]


def test_a_release_that_brings_all_itself_waits_for_nothing(notes):
    assert "there must be" not in notes({})


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({}, "Hugging Face"),
        ({"engine": "ollama", "quantization": "fp16"}, "Ollama's library"),
        ({"engine": "nim", "gpu": {"product": "H100"}}, "NGC"),
        ({"model": {"source": "pvc", "pvc": {"claimName": "models"}}}, "claim models"),
        ({"model": {"source": "oci", "oci": {"reference": "a.example/b:1"}}}, "image a.example/b:1"),
    ],
)
def test_the_place_that_the_model_comes_from_is_named(notes, values, where):
    assert f" from {where}, served as" in notes(values)


def test_who_may_ask_the_server_is_named(notes):
    labels = {"app.kubernetes.io/name": "assessor", "team": "a"}
    said = notes({"networkPolicy": {"assessor": labels, "prometheusNamespace": {NAME: None}}})
    assert "pods with app.kubernetes.io/name=assessor,team=a, jobs of charts/pipelines; others only" in said
    assert "every pod of the cluster" in notes({"networkPolicy": {"enabled": False}})


def test_an_hpa_asks_no_prometheus(notes):
    values = {"cache": {"persistent": False}, "autoscaling": {"enabled": True, "kind": "hpa"}}
    assert "from the cluster's adapter for external metrics" in notes(values)
    values["autoscaling"]["kind"] = "keda"
    assert "from http://prometheus-operated" in notes(values)
