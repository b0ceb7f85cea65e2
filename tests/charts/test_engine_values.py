"""`engines` extends the table of engines, and SGLang starts as its row says."""

import pytest
import yaml

from signalbox.capacity.planner.helm_values import write_values
from signalbox.capacity.planner.plan import plan
from signalbox.capacity.planner.request import Request
from tests.charts.conftest import environment, one, pod_of, render, render_error, render_example

CHART = "model-server"
IMAGE = {"image": {"repository": "our/server", "tag": "1.0"}}


def server(values: dict) -> dict:
    """The server's container."""
    return pod_of(one(render(CHART, values), "Deployment"))["containers"][0]


def own(entry: dict, **values: object) -> dict:
    return {"engine": "mine", "engines": {"mine": entry}, **values}


def value(container: dict, flag: str) -> str | None:
    args = container.get("args", [])
    return args[args.index(flag) + 1] if flag in args else None


def test_an_unknown_engine_names_the_known_ones():
    error = render_error(CHART, {"engine": "vlm", "engines": {"mine": IMAGE}})
    known = "llamacpp, mine, nim, ollama, sglang, tgi, vllm"
    assert (
        f'engine: unknown engine "vlm". Use one of {known}. Other engines can be added in engines.' in error
    )


def test_an_engine_that_is_like_an_unknown_one_names_the_known_ones():
    error = render_error(CHART, own({"like": "vlm"}))
    assert (
        'engines.mine.like: unknown engine "vlm". Use one of llamacpp, nim, ollama, sglang, tgi, vllm'
        in error
    )


@pytest.mark.parametrize("entry", [{"port": 9000}, {"image": {"repository": "our/server"}}])
def test_an_engine_of_ones_own_needs_an_image(entry):
    assert "engines.mine.image: repository and tag are required" in render_error(CHART, own(entry))


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        ({"imag": {}}, "additional properties 'imag' not allowed"),
        ({"flags": [{"flag": "--a", "value": "modle"}]}, "/engines/mine/flags/0/value"),
        ({"image": {"name": "a"}}, "additional properties 'name' not allowed"),
        ({"sources": ["ftp"]}, "/engines/mine/sources/0"),
    ],
)
def test_a_misspelled_field_is_rejected(entry, place):
    assert place in render_error(CHART, own(IMAGE | entry))


def test_an_engine_that_is_like_another_keeps_its_entry():
    container = server(own({"like": "vllm", "image": {"tag": "v9"}, "env": [{"name": "OURS", "text": "1"}]}))
    assert container["image"] == "docker.io/vllm/vllm-openai:v9"
    assert container["command"] == ["vllm", "serve"]
    assert {"HOME", "VLLM_CACHE_ROOT", "OURS"} <= environment({"containers": [container]}).keys()


def test_an_empty_value_replaces():
    container = server(own({"like": "vllm", "image": {"registry": ""}, "keyVariable": "", "drain": "cut"}))
    assert container["image"] == "vllm/vllm-openai:v0.24.0"
    assert "VLLM_API_KEY" not in environment({"containers": [container]})
    assert container["lifecycle"]["preStop"]["exec"]["command"] == ["sleep", "130"]


def test_a_shipped_engine_can_be_changed():
    container = server({"engines": {"vllm": {"port": 9000, "probes": {"ready": "/ready"}}}})
    assert value(container, "--port") == "9000"
    assert container["readinessProbe"]["httpGet"]["path"] == "/ready"
    assert container["livenessProbe"]["httpGet"]["path"] == "/health"


def test_an_engine_of_ones_own_starts_from_the_defaults():
    entry = IMAGE | {
        "command": ["/server"],
        "port": 9000,
        "flags": [{"flag": "--listen", "value": "address"}],
    }
    container = server(own(entry))
    assert container["image"] == "docker.io/our/server:1.0"
    assert container["args"] == ["--listen", "0.0.0.0:9000"]
    assert [item["name"] for item in container["env"]] == ["HOME"]
    policy = one(render(CHART, own(entry)), "NetworkPolicy")
    assert policy["spec"]["ingress"][0]["ports"] == [{"port": 9000, "protocol": "TCP"}]


def test_the_fit_check_is_that_of_the_engine_it_is_like():
    values = {"model": {"name": "meta-llama/Llama-3.1-70B-Instruct"}}
    assert "does not fit. The weights need 134602 MiB per GPU" in render_error(
        CHART, own({"like": "vllm"}, **values)
    )
    assert "does not fit. The weights need at least" in render_error(CHART, own(IMAGE, **values))


def test_an_engine_without_a_flag_for_the_share_rejects_one():
    assert "memoryShare: 0.5, but mine has no such setting" in render_error(
        CHART, own(IMAGE, memoryShare=0.5)
    )
    assert value(server({"engine": "sglang", "memoryShare": 0.5}), "--mem-fraction-static") == "0.5"


def test_sglang_gets_its_key_without_it_in_the_manifest():
    container = server({"engine": "sglang", "apiKey": {"existingSecret": "mine"}})
    assert value(container, "--api-key") == "$(SERVER_API_KEY)"
    reference = environment({"containers": [container]})["SERVER_API_KEY"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": "mine", "key": "api-key"}
    assert value(server({"engine": "sglang", "apiKey": {"enabled": False}}), "--api-key") is None


def test_the_notes_say_that_sglang_logs_its_key(notes):
    assert "SGLang writes its arguments, and with them the API key, to its log" in notes({"engine": "sglang"})
    assert "to its log" not in notes({"engine": "sglang", "apiKey": {"enabled": False}})
    assert "to its log" not in notes({})


@pytest.mark.parametrize(
    ("gpu", "quantization", "problem"),
    [
        ("T4", "fp16", "engine: SGLang is not proven on T4"),
        ("A100-80GB", "fp8", "fp8 requires compute capability 8.9"),
        ("L4", "bnb-nf4", 'quantization: SGLang does not support "bnb-nf4"'),
        ("GB200", "bf16", "SGLang images are built for amd64, but GB200 nodes are arm64"),
    ],
)
def test_sglang_rejects_what_the_planner_does(gpu, quantization, problem):
    values = {"engine": "sglang", "gpu": {"product": gpu}, "quantization": quantization}
    model = {"name": "meta-llama/Llama-3.1-8B-Instruct", "quantized": quantization == "bnb-nf4"}
    assert problem in render_error(CHART, values | {"model": model})


def test_nodes_of_sglang_find_each_other():
    group = one(render_example(CHART, "llama-3.1-405b-sglang-2-nodes"), "LeaderWorkerSet")["spec"]
    leader, worker = (
        group["leaderWorkerTemplate"][f"{role}Template"]["spec"]["containers"][0]
        for role in ("leader", "worker")
    )
    for container, rank in ((leader, "0"), (worker, "$(LWS_WORKER_INDEX)")):
        assert value(container, "--dist-init-addr") == "$(LWS_LEADER_ADDRESS):20000"
        assert value(container, "--nnodes") == "$(LWS_GROUP_SIZE)"
        assert value(container, "--node-rank") == rank
        assert value(container, "--tp-size") == "16"


@pytest.mark.parametrize(
    ("model", "gpu", "quantization"),
    [
        ("llama-3.1-8b", "l4", "bf16"),
        ("llama-3.1-8b", "l4", "fp8"),
        ("llama-3.1-70b", "2xh100", "fp8"),
        ("llama-3.1-70b", "4xh100", "bf16"),
    ],
)
def test_a_written_plan_of_sglang_starts_as_it_was_planned(tmp_path, model, gpu, quantization):
    answer = plan(Request(model=model, gpu=gpu, engine="sglang", quantization=quantization))
    write_values(answer, tmp_path / "values.yaml")
    container = server(yaml.safe_load((tmp_path / "values.yaml").read_text(encoding="utf-8")))
    assert value(container, "--quantization") == (None if quantization == "bf16" else "fp8")
    assert value(container, "--context-length") == str(answer.context)
    assert value(container, "--mem-fraction-static") == "0.77"
    tensor = answer.tensor_parallel
    assert value(container, "--tp-size") == (None if tensor == 1 else str(tensor))
