"""The logs of a run's shards."""

import pytest

from pipelines.shards import WHOLE, Shard, ShardLogs


def names(logs):
    return [log.path.name for log in logs]


@pytest.mark.parametrize(("shard", "name"), [(WHOLE, "run.jsonl"), (Shard(1, 3), "run.shard-1-of-3.jsonl")])
def test_each_shard_writes_a_log_of_its_own(tmp_path, shard, name):
    logs = ShardLogs(tmp_path, "run", shard)
    assert logs.own.path == tmp_path / name
    assert logs.others() == []


def test_a_shard_sees_the_logs_of_the_others_and_of_no_other_run(tmp_path):
    for name in (
        "run.jsonl",
        "run.shard-0-of-2.jsonl",
        "run.shard-1-of-2.jsonl",
        "run.logged",
        "run-2.jsonl",
    ):
        (tmp_path / name).touch()
    assert names(ShardLogs(tmp_path, "run", Shard(0, 2)).others()) == ["run.jsonl", "run.shard-1-of-2.jsonl"]
    assert names(ShardLogs(tmp_path, "run", WHOLE).others()) == [
        "run.shard-0-of-2.jsonl",
        "run.shard-1-of-2.jsonl",
    ]


def test_a_name_may_contain_what_a_pattern_does(tmp_path):
    for name in ("run[1].shard-0-of-2.jsonl", "run1.shard-0-of-2.jsonl"):
        (tmp_path / name).touch()
    assert names(ShardLogs(tmp_path, "run[1]", WHOLE).others()) == ["run[1].shard-0-of-2.jsonl"]
