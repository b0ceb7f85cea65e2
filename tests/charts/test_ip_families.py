"""Clusters with IPv4, IPv6 or both: addresses that servers listen on, and both families wherever addresses are listed."""

import ipaddress

import pytest

from tests.charts.conftest import EXAMPLES, one, pod_of, render, render_example
from tests.charts.hatches import OLLAMA, merged

LLAMACPP = {
    "engine": "llamacpp",
    "quantization": "gguf-q4_k_m",
    "concurrency": 4,
    "model": {"file": "a.gguf", "sizeGiB": 1},
}
TGI = {"engine": "tgi", "gpu": {"product": "L4"}, "image": {"repository": "us/tgi"}}


def server(values: dict) -> dict:
    return pod_of(one(render("model-server", values), "Deployment"))["containers"][0]


@pytest.mark.parametrize(
    ("values", "flag"), [({}, "--host"), (TGI, "--hostname"), (LLAMACPP, "--host")], ids=str
)
@pytest.mark.parametrize("address", ["", "0.0.0.0", "fd00::1"])
def test_an_engine_listens_on_both_families_or_on_the_address_of_the_values(values, flag, address):
    arguments = server(merged(values, {"listenAddress": address}))["args"]
    assert arguments[arguments.index(flag) + 1] == (address or "::")


@pytest.mark.parametrize(
    ("address", "host"), [("", "[::]:11434"), ("0.0.0.0", "0.0.0.0:11434"), ("fd00::1", "[fd00::1]:11434")]
)
def test_ollama_listens_on_an_address_with_its_port(address, host):
    variables = {
        item["name"]: item.get("value") for item in server(OLLAMA | {"listenAddress": address})["env"]
    }
    assert variables["OLLAMA_HOST"] == host


def blocks(node: object) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The addresses of every ipBlock in an object."""
    if isinstance(node, list):
        return [block for child in node for block in blocks(child)]
    if not isinstance(node, dict):
        return []
    own = [ipaddress.ip_network(node["ipBlock"]["cidr"])] if "ipBlock" in node else []
    return own + blocks(list(node.values()))


def test_an_example_that_lists_addresses_lists_both_families():
    families = {
        (chart, example): {block.version for item in render_example(chart, example) for block in blocks(item)}
        for chart, example in EXAMPLES
    }
    listed = {name: versions for name, versions in families.items() if versions}
    assert listed
    assert set(map(frozenset, listed.values())) == {frozenset({4, 6})}
