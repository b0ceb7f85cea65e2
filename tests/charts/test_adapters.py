"""LoRA adapters and chat templates: the flags of each engine, and a reason where it has none."""

import pytest

from tests.charts.conftest import environment, one, pod_of, render, render_error

CHART = "model-server"
ADAPTERS = [
    {"name": "triage", "repository": "example/triage"},
    {"name": "letters", "repository": "example/letters"},
]
TEMPLATE = "{% for message in messages %}\n{{ message.content }}\n{% endfor %}"
PATH = "/etc/signalbox/files/chat-template.jinja"
GGUF = {"engine": "llamacpp", "quantization": "gguf-q4_k_m", "concurrency": 4}
ENGINES = {
    "vllm": {"engine": "vllm"},
    "sglang": {"engine": "sglang"},
    "tgi": {"engine": "tgi", "gpu": {"product": "H100"}, "image": {"repository": "us/tgi"}},
    "llamacpp": GGUF | {"model": {"file": "a.gguf"}},
    "ollama": {"engine": "ollama", "quantization": "gguf-q4_k_m", "concurrency": 4},
    "nim": {"engine": "nim", "gpu": {"product": "H100"}, "image": {"tag": "1.8.4"}},
}


def pod(values: dict) -> dict:
    return pod_of(one(render(CHART, values), "Deployment"))


def arguments(values: dict) -> list[str]:
    return pod(values)["containers"][0]["args"]


def after(words: list[str], flag: str, count: int = 1) -> list[str]:
    return words[words.index(flag) + 1 :][:count]


def test_vllm_loads_adapters_by_name():
    words = arguments(ENGINES["vllm"] | {"lora": {"adapters": ADAPTERS, "maxRank": 64}})
    assert "--enable-lora" in words
    assert after(words, "--lora-modules", 2) == ["triage=example/triage", "letters=example/letters"]
    assert (after(words, "--max-loras"), after(words, "--max-lora-rank")) == (["2"], ["64"])


def test_sglang_counts_the_base_model_as_an_adapter():
    words = arguments(ENGINES["sglang"] | {"lora": {"adapters": ADAPTERS}})
    assert after(words, "--lora-paths", 2) == ["triage=example/triage", "letters=example/letters"]
    assert (after(words, "--max-loras-per-batch"), after(words, "--max-lora-rank")) == (["3"], ["16"])


def test_tgi_gets_adapters_as_one_word():
    words = arguments(ENGINES["tgi"] | {"lora": {"adapters": ADAPTERS}})
    assert after(words, "--lora-adapters") == ["triage=example/triage,letters=example/letters"]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "tgi"])
def test_without_adapters_there_is_no_flag(engine):
    assert [word for word in arguments(ENGINES[engine]) if "lora" in word] == []


@pytest.mark.parametrize("engine", ["llamacpp", "ollama", "nim"])
def test_other_engines_reject_adapters(engine):
    error = render_error(CHART, ENGINES[engine] | {"lora": {"adapters": ADAPTERS}})
    assert "lora.adapters: has adapters, but" in error
    assert "cannot load them by request. Remove them, or use engine vllm or sglang." in error


def test_an_adapter_in_the_volume_of_the_model_has_a_path():
    volume = {"source": "pvc", "pvc": {"claimName": "models", "path": "base"}}
    words = arguments({"model": volume, "lora": {"adapters": [{"name": "a", "path": "adapters/a"}]}})
    assert after(words, "--lora-modules") == ["a=/model/adapters/a"]


def test_adapters_of_a_hub_next_to_a_volume_reach_the_hub_with_its_token():
    volume = {"source": "pvc", "pvc": {"claimName": "models"}, "token": {"existingSecret": "hf"}}
    objects = render(CHART, {"model": volume, "lora": {"adapters": ADAPTERS}})
    rules = one(objects, "NetworkPolicy")["spec"]["egress"]
    assert {"port": 443, "protocol": "TCP"} in [port for rule in rules for port in rule.get("ports", [])]
    variables = environment(pod_of(one(objects, "Deployment")))
    assert variables["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "hf"


VOLUME = {"source": "pvc", "pvc": {"claimName": "models"}}
HTTPS = {"port": 443, "protocol": "TCP"}


def draft(model: str, source: dict) -> dict:
    proposal = {"method": "draft_model", "tokens": 5, "model": model}
    return {"gpu": {"product": "H100"}, "model": source, "speculative": proposal}


def ports(objects: list[dict]) -> list[dict]:
    rules = one(objects, "NetworkPolicy")["spec"]["egress"]
    return [port for rule in rules for port in rule.get("ports", [])]


@pytest.mark.parametrize(
    "source",
    [
        VOLUME,
        {"source": "oci", "oci": {"reference": "registry.example.org/models/llama:1"}},
        {"source": "s3", "s3": {"uri": "s3://models/llama", "endpoint": "http://minio:9000"}},
    ],
    ids=lambda source: source["source"],
)
def test_a_draft_of_a_hub_next_to_other_files_reaches_the_hub_with_its_token(source):
    values = draft("meta-llama/Llama-3.2-1B-Instruct", source | {"token": {"existingSecret": "hf"}})
    objects = render(CHART, values)
    assert HTTPS in ports(objects)
    variables = environment(pod_of(one(objects, "Deployment")))
    assert variables["HF_TOKEN"]["valueFrom"]["secretKeyRef"]["name"] == "hf"


def test_a_draft_in_the_volume_of_the_model_needs_no_hub():
    values = draft("/model/draft", VOLUME)
    assert HTTPS not in ports(render(CHART, values))
    assert render(CHART, values | {"airGapped": True})
    error = render_error(CHART, draft("/model/draft", VOLUME | {"token": {"existingSecret": "hf"}}))
    assert 'model.token.existingSecret: "hf" is for a hub, but model.source is "pvc".' in error


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (
            {"lora": {"adapters": [{"name": "a", "path": "a"}]}},
            'lora.adapters: has a path, but model.source is "hf"',
        ),
        (
            {
                "airGapped": True,
                "model": {"source": "pvc", "pvc": {"claimName": "models"}},
                "lora": {"adapters": ADAPTERS},
            },
            "lora.adapters: has a repository, which is downloaded, but airGapped is true.",
        ),
        ({"lora": {"adapters": [{"name": "a"}]}}, "/lora/adapters/0"),
        ({"lora": {"adapters": [{"name": "a", "path": "b", "repository": "c/d"}]}}, "/lora/adapters/0"),
        ({"lora": {"maxRank": 20}}, "/lora/maxRank"),
    ],
)
def test_adapters_that_cannot_be_loaded_are_rejected(values, problem):
    assert problem in render_error(CHART, values)


@pytest.mark.parametrize(
    ("engine", "flag"),
    [("vllm", "--chat-template"), ("sglang", "--chat-template"), ("llamacpp", "--chat-template-file")],
)
def test_a_chat_template_is_a_file_from_a_config_map(engine, flag):
    objects = render(CHART, ENGINES[engine] | {"chatTemplate": {"text": TEMPLATE}})
    spec = pod_of(one(objects, "Deployment"))
    assert after(spec["containers"][0]["args"], flag) == [PATH]
    config = one(objects, "ConfigMap")
    assert config["data"] == {"chat-template.jinja": TEMPLATE}
    (volume,) = [volume for volume in spec["volumes"] if volume["name"] == "files"]
    assert volume["configMap"]["name"] == config["metadata"]["name"]
    (mount,) = [mount for mount in spec["containers"][0]["volumeMounts"] if mount["name"] == "files"]
    assert (mount["mountPath"], mount["readOnly"]) == ("/etc/signalbox/files", True)


def test_an_existing_config_map_has_a_key_of_its_own():
    values = {"chatTemplate": {"existingConfigMap": "ours", "key": "chat.j2"}}
    objects = render(CHART, values)
    assert [item for item in objects if item["kind"] == "ConfigMap"] == []
    (volume,) = [item for item in pod_of(one(objects, "Deployment"))["volumes"] if item["name"] == "files"]
    # SGLang reads Jinja only from a file that ends in .jinja.
    items = [{"key": "chat.j2", "path": "chat-template.jinja"}]
    assert volume["configMap"] == {"name": "ours", "items": items}


def test_another_template_restarts_the_pods():
    def checksum(text: str) -> str:
        template = one(render(CHART, {"chatTemplate": {"text": text}}), "Deployment")["spec"]["template"]
        return template["metadata"]["annotations"]["checksum/files"]

    assert checksum("a") != checksum("b")


@pytest.mark.parametrize("engine", ["tgi", "nim", "ollama"])
def test_engines_without_a_template_file_reject_one(engine):
    error = render_error(CHART, ENGINES[engine] | {"chatTemplate": {"text": TEMPLATE}})
    assert "chatTemplate: is set, but" in error
    assert "or use engine vllm or sglang. Ollama has TEMPLATE in Modelfiles" in error


def test_a_template_has_one_source():
    error = render_error(CHART, {"chatTemplate": {"text": TEMPLATE, "existingConfigMap": "ours"}})
    assert 'chatTemplate.existingConfigMap: "ours", but chatTemplate.text is set, too.' in error


def test_the_notes_say_what_the_fit_check_leaves_out(notes):
    assert "does not consider the 2 LoRA adapter(s)" in notes({"lora": {"adapters": ADAPTERS}})
    assert "ConfigMap ours with key chat-template.jinja" in notes(
        {"chatTemplate": {"existingConfigMap": "ours"}}
    )


def test_all_nodes_of_a_replica_have_the_template():
    nodes = {"gpu": {"count": 2}, "parallelism": {"tensor": 2, "nodes": 2}, "persistence": {"enabled": False}}
    group = one(render(CHART, nodes | {"chatTemplate": {"text": TEMPLATE}}), "LeaderWorkerSet")
    for role in ("leaderTemplate", "workerTemplate"):
        spec = group["spec"]["leaderWorkerTemplate"][role]["spec"]
        assert "files" in {volume["name"] for volume in spec["volumes"]}
        assert "files" in {mount["name"] for mount in spec["containers"][0]["volumeMounts"]}
