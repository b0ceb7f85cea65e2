"""The `helm test` pod of the model server's chart, run against a stand-in of the engine."""

import json
import subprocess
from http.server import BaseHTTPRequestHandler

import pytest

from tests.charts.conftest import one, render
from tests.helpers import answering, say_json

CHAT = {"choices": [{"message": {"role": "assistant", "content": "Yes."}}]}
VECTOR = {"data": [{"index": 0, "data": [0.25] * 400}]}
POOLING = {"runner": "pooling", "model": {"name": "BAAI/bge-m3", "sizeGiB": 1.1}}


def engine(answers):
    """A server that knows these paths; `requests` are what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.requests.append((self.path, body))
            answer = answers.get(self.path)
            say_json(self, answer or {"error": "no such route"}, 200 if answer else 404)

    Handler.requests = []
    return Handler


def run(values, handler):
    """What the pod does, with the address of the stand-in."""
    container = one(render("model-server", values), "Pod")["spec"]["containers"][0]
    environment = {item["name"]: item.get("value", "key") for item in container["env"]}
    with answering(handler) as url:
        return subprocess.run(
            [*container["command"], *container["args"]],
            env=environment | {"ADDRESS": url, "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.mark.parametrize(
    ("values", "path", "answer", "field"),
    [
        ({}, "/v1/chat/completions", CHAT, "messages"),
        (POOLING, "/pooling", VECTOR, "input"),
    ],
)
def test_a_model_is_asked_for_what_it_makes(values, path, answer, field):
    handler = engine({path: answer})
    done = run(values, handler)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout) <= 501
    ((where, body),) = handler.requests
    assert where == path
    assert field in body


def test_an_engine_without_the_route_fails_the_test():
    assert run({}, engine({})).returncode == 1


def test_an_answer_without_its_field_fails_the_test():
    done = run(POOLING, engine({"/pooling": {"object": "list"}}))
    assert done.returncode == 1
    assert "error: the answer has no data" in done.stdout


def test_the_notes_print_the_same_request(notes):
    text = notes(POOLING)
    assert "curl http://127.0.0.1:8000/pooling" in text
    assert '"input":"Say yes."' in text
