"""Every job of charts/pipelines runs in a pod, started by hand from its CronJob, against the real services and a real MLflow."""

import json
import shutil
import time

import pytest

from tests.cluster.support.installed import CLAIMS

pytestmark = pytest.mark.cluster

# Job → the file in which it says that it succeeded. In an order in which each finds what it needs.
JOBS = {
    "evaluate": "evaluate-medical-encoder.prom",
    "train": "train-medical.prom",
    "calibrate": "calibrate-medical-encoder.prom",
    "compare": "compare-medical.prom",
    "drift": "drift-medical-encoder.prom",
    "judge": "judge-medical-encoder.prom",
}


def runs(cluster, installed):
    """Id → metrics of all runs that MLflow has of the task."""
    api = f"{installed.address('pipelines-mlflow')}/api/2.0/mlflow"

    def ask(path, body):
        command = f"curl --silent --fail-with-body -H 'Host: pipelines-mlflow' --json '{json.dumps(body)}' {api}/{path}"
        return json.loads(cluster.shell(command).stdout)

    experiments = ask("experiments/search", {"max_results": 10})["experiments"]
    ids = [experiment["experiment_id"] for experiment in experiments]
    found = ask("runs/search", {"experiment_ids": ids}).get("runs", [])
    return {run["info"]["run_id"]: run["data"].get("metrics", []) for run in found}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_started_by_hand_does_its_work(cluster, installed, pipelines, job):
    before = runs(cluster, installed)
    name = f"by-hand-{job}"
    installed.kubectl("create", "job", name, f"--from=cronjob/pipelines-{job}")
    wait = ("wait", f"job/{name}", "--for=condition=Complete", "--timeout=400s")
    done = installed.kubectl(*wait, check=False, timeout=420)
    logs = installed.kubectl("logs", f"--selector=job-name={name}", "--tail=-1", check=False).stdout
    assert done.returncode == 0, f"{logs}\n{installed.state()}"
    volume = cluster.inside.layout.work / "volumes" / CLAIMS["state"]
    said = (volume / "metrics" / JOBS[job]).read_text(encoding="utf-8")
    assert f'signalbox_job_last_success_timestamp_seconds{{job="{JOBS[job].removesuffix(".prom")}"}}' in said
    now = runs(cluster, installed)
    assert any(now[run] for run in now.keys() - before.keys()), (before, now, logs)


# Job → the folder with its answers, which a job would not send for again.
SHARDED = {"evaluate": "evaluations", "compare": "comparisons"}
# Figures that differ from run to run. A decoder that answers several pods at once rounds in another order.
MEASURED = ("seconds", "per_second", "tokens", "memory", "energy", "wh_", "latency", "decoder")


@pytest.mark.parametrize("job", SHARDED)
def test_pods_that_share_a_job_get_the_figures_of_one(cluster, installed, pipelines, job):
    volume = cluster.inside.layout.work / "volumes" / CLAIMS["state"]
    figures = {}
    try:
        for count in (1, 2, 4):
            shutil.rmtree(volume / SHARDED[job], ignore_errors=True)
            installed.install("pipelines", f"--set=jobs.{job}.shards={count}")
            before, name = runs(cluster, installed), f"{job}-in-{count}"
            start = time.monotonic()
            installed.kubectl("create", "job", name, f"--from=cronjob/pipelines-{job}")
            wait = ("wait", f"job/{name}", "--for=condition=Complete", "--timeout=400s")
            done = installed.kubectl(*wait, check=False, timeout=420)
            seconds = time.monotonic() - start
            logs = installed.kubectl("logs", f"--selector=job-name={name}", "--tail=-1", check=False).stdout
            assert done.returncode == 0, f"{logs}\n{installed.state()}"
            print(f"{job} in {count} pods: {seconds:.0f} s")
            now = runs(cluster, installed)
            (run,) = now.keys() - before.keys()
            figures[count] = {
                metric["key"]: metric["value"]
                for metric in now[run]
                if not any(word in metric["key"] for word in MEASURED)
            }
        assert figures[1]
        assert figures[1] == figures[2] == figures[4]
    finally:
        installed.install("pipelines")
