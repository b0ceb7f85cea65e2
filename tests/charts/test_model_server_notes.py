"""The notes list the objects that must exist, the source of the model and the clients that have access."""

import pytest


def test_what_must_exist_already_is_listed(notes):
    text = notes(
        {
            "apiKey": {"existingSecret": "mine", "existingSecretKey": "k"},
            "model": {"source": "pvc", "pvc": {"claimName": "models"}},
            "image": {"pullSecrets": ["registry"]},
            "persistence": {"existingClaim": "filled"},
            "caBundle": {"existingConfigMap": "our-ca"},
        }
    )
    listed = (
        text.partition("must already exist in namespace models:\n\n")[2].partition("\n\n")[0].splitlines()
    )
    assert [line.strip() for line in listed] == [
        "Secret mine with key k",
        "Secret registry for the image registry",
        "PersistentVolumeClaim models with the model",
        "PersistentVolumeClaim filled for the cache",
        "ConfigMap our-ca with key ca.crt",
    ]


def test_a_release_without_external_objects_lists_none(notes):
    assert "must already exist" not in notes({})


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({}, "Hugging Face"),
        ({"engine": "ollama", "quantization": "fp16"}, "Ollama's library"),
        ({"engine": "nim", "gpu": {"product": "H100"}, "image": {"tag": "1.8.4"}}, "NGC"),
        ({"model": {"source": "pvc", "pvc": {"claimName": "models"}}}, "claim models"),
        ({"model": {"source": "oci", "oci": {"reference": "a.example/b:1"}}}, "image a.example/b:1"),
    ],
)
def test_the_place_that_the_model_comes_from_is_named(notes, values, where):
    assert f" from {where}, served as" in notes(values)


def test_clients_with_access_are_listed(notes):
    labels = {"app.kubernetes.io/name": "assessor", "team": "a"}
    text = notes({"networkPolicy": {"assessor": labels, "prometheusNamespace": ""}})
    assert (
        "pods with app.kubernetes.io/name=assessor,team=a, jobs of charts/pipelines; others require" in text
    )
    assert "namespace monitoring" in notes({})
    assert "all pods of the cluster" in notes({"networkPolicy": {"enabled": False}})


def test_an_hpa_queries_no_prometheus(notes):
    values = {"persistence": {"enabled": False}, "autoscaling": {"enabled": True, "kind": "hpa"}}
    assert "from the cluster's adapter for external metrics" in notes(values)
    values["autoscaling"]["kind"] = "keda"
    assert "from http://prometheus-operated" in notes(values)
