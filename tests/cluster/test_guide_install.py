"""docs/guides/install.md, command by command, unchanged but for the source of images and of the model's file."""

import json
import time

import pytest

from tools.cluster.stack import NAMESPACE, VALUES, guide_blocks, provide_model, state

pytestmark = pytest.mark.cluster

BLOCKS = guide_blocks()
ANSWER = "decoder: light yellow (uncalibrated), verdict "
# Commands that a block leaves in the background end with it.
SHELL = "trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"


@pytest.fixture(scope="module")
def results(cluster):
    """What each block printed, and the seconds until it ended; the first block starts from an empty namespace."""
    provide_model(cluster.inside)
    start = time.monotonic()
    results = []
    try:
        for block in BLOCKS:
            done = cluster.shell(SHELL + block.with_values(VALUES), check=False, timeout=1200)
            assert done.returncode == 0, (
                f"{block.text}\n{done.stdout}\n{done.stderr}\n{state(cluster.inside)}"
            )
            results.append((done.stdout, time.monotonic() - start))
            print(f"· {results[-1][1]:5.0f} s  {block.text.splitlines()[0]}")
        yield results
    finally:
        cluster.kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=110s", check=False)


def test_the_page_leads_from_an_empty_cluster_to_a_graded_answer(results):
    text, seconds = results[0]
    (answer,) = [line for line in text.splitlines() if line.startswith(ANSWER)]
    assert "release " in answer
    print(f"{answer}\nfrom nothing to the graded answer: {seconds:.0f} s")


def test_a_person_gets_the_same_answer_with_curl(results):
    text, _ = results[1]
    (line,) = [line for line in text.splitlines() if line.startswith("{")]
    assert json.loads(line)["predictions"][0]["light"]["color"] == "yellow"


def test_the_encoder_serves_after_training_without_another_step(results):
    text, _ = results[2]
    assert [line for line in text.splitlines() if line.startswith("encoder: light ")]


def test_all_other_blocks_were_run_to_the_end(cluster, results):
    assert len(results) == len(BLOCKS) >= 6
    assert (
        NAMESPACE
        not in cluster.kubectl("get", "namespaces", "-o", "name").stdout.replace("namespace/", "").split()
    )
