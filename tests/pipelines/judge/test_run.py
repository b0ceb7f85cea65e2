"""Names of runs, and the shard of an answer."""

import pytest

from pipelines.shards import Shard, run_name, shard_of
from signalbox.errors import InputError


def test_an_indexed_job_numbers_its_shards_and_names_the_run():
    pod = {"JOB_COMPLETION_INDEX": "3", "HOSTNAME": "x-pipelines-judge-29384712-3"}
    shard = shard_of(None, 8, pod)
    assert shard == Shard(3, 8)
    assert run_name(None, shard, "other", pod) == "x-pipelines-judge-29384712"
    retried = {**pod, "HOSTNAME": "x-pipelines-judge-29384712-3"}
    assert run_name(None, shard, "other", retried) == "x-pipelines-judge-29384712"
    assert run_name("mine", shard, "other", pod) == "mine"
    assert shard_of(5, 8, pod).index == 5


def test_alone_there_is_nothing_to_number():
    assert shard_of(None, 1, {}) == Shard(0, 1)
    assert run_name(None, Shard(0, 1), "toy-2026", {"HOSTNAME": "host-0"}) == "toy-2026"


@pytest.mark.parametrize(
    ("index", "environment"), [(None, {}), (4, {}), (None, {"JOB_COMPLETION_INDEX": "4"})]
)
def test_a_shard_that_cannot_be_is_rejected(index, environment):
    with pytest.raises(InputError, match="0 to 3"):
        shard_of(index, 4, environment)


@pytest.mark.parametrize("name", ["../up", "", "a/b", "-x", "x" * 101])
def test_a_name_that_is_no_folder_is_rejected(name):
    with pytest.raises(InputError, match="--run"):
        run_name(name or None, Shard(0, 2), "", {})


def test_every_answer_is_in_one_shard_and_shards_are_of_like_size():
    ids = [f"id-{n}" for n in range(4000)]
    shards = [Shard(i, 8) for i in range(8)]
    assert all(sum(shard.holds(name) for shard in shards) == 1 for name in ids)
    assert all(430 < sum(shard.holds(name) for name in ids) < 570 for shard in shards)
