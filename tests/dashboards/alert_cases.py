"""Series under which each alert fires, is silent, and what it does when its series are gone.

Series have one value a minute, from the minute 0. In Prometheus' unit tests the time starts at 0 as well.
"""

from dataclasses import dataclass

KEY = 'namespace="a",task="m",language="de",verdict="approved",route="decoder"'
TASK = 'namespace="a",task="m",language="de",route="decoder"'
SERVER = 'namespace="a",service="s",engine="vllm",instance="i",job="j"'
GPU = 'Hostname="n",gpu="0",UUID="u"'
ASSESSOR = 'namespace="a",service="assessor",instance="i",job="j"'
DAY = 86_400
GONE = "1+0x20 stale"
# Three hours after the last value.
LATER = 200


@dataclass(frozen=True)
class Case:
    """Series with their values, the minute to look at, and how many alerts fire then."""

    series: dict[str, str]
    fires: int
    minute: int = 28


def constant(series: str, value: float, fires: int, minute: int = 28) -> Case:
    return Case({series: f"{value}+0x400"}, fires, minute)


def counters(minute: int, fires: int, **rates: str) -> Case:
    """Answers by light and reason, joined by two underscores: `red__unavailable`."""
    return Case(
        {
            f'signalbox_predictions_total{{{TASK},light="{light}",reason="{reason}"}}': values
            for light, _, reason in (name.partition("__") for name in rates)
            for values in [rates[f"{light}__{reason}"]]
        },
        fires,
        minute,
    )


def first_token(quick: str, every: str, fires: int) -> Case:
    name = f"vllm:time_to_first_token_seconds_bucket{{{SERVER}"
    buckets = {"1.0": quick, "5.0": every, "+Inf": every}
    return Case({f'{name},le="{bound}"}}': values for bound, values in buckets.items()}, fires)


def detector(evidence: str, fires: int) -> Case:
    return Case(
        {
            f"signalbox_certificate_detector_evidence{{{KEY}}}": evidence,
            f"signalbox_certificate_detector_limit{{{KEY}}}": "2000+0x20 stale"
            if "stale" in evidence
            else "2000+0x60",
        },
        fires,
    )


STATE = "signalbox_certificate_state{" + KEY + ',state="%s"}'
EXPIRY = "signalbox_certificate_expiry_timestamp_seconds{" + KEY + "}"
STORE = f'signalbox_upstream_ready{{{ASSESSOR},upstream="store"}}'
UP = f"up{{{SERVER}}}"
SPOOL = f"signalbox_store_spooled_rows{{{ASSESSOR}}}"
SUCCESS = 'signalbox_job_last_success_timestamp_seconds{namespace="a",job="drift-m"}'
FAILED = 'kube_job_failed{namespace="a",job_name="drift-1",condition="true"}'
FAILED_PODS = 'kube_job_status_failed{namespace="a",job_name="drift-1",reason=""}'
STARTED = 'kube_job_status_start_time{namespace="a",job_name="drift-1"}'
OWNER = 'kube_job_owner{namespace="a",job_name="drift-1",owner_kind="CronJob",owner_name="p-drift",owner_is_controller="true"}'
SUCCEEDED = 'kube_cronjob_status_last_successful_time{namespace="a",cronjob="p-drift"}'
SUSPENDED = 'kube_cronjob_spec_suspend{namespace="a",cronjob="p-drift"}'
TRAINED = SUCCESS.replace("drift", "train")
DRIFT = f'signalbox_drift_detected{{{TASK},column="text"}}'
OLDEST = f"signalbox_certificate_oldest_request_timestamp_seconds{{{KEY}}}"
SAMPLES = f"scrape_samples_post_metric_relabeling{{{SERVER}}}"
WAITING = f"vllm:num_requests_waiting{{{SERVER}}}"
KV = f"vllm:kv_cache_usage_perc{{{SERVER}}}"
PREEMPTIONS = f"vllm:num_preemptions_total{{{SERVER}}}"
XID = f"DCGM_FI_DEV_XID_ERRORS{{{GPU}}}"
REPLICAS = 'kube_deployment_spec_replicas{namespace="a",deployment="s"}'

# Alert → situation → case.
CASES: dict[str, dict[str, Case]] = {
    "SignalboxCertificateLost": {
        "fires": constant(STATE % "revoked", 1, 1),
        "silent": Case({STATE % "certified": "1+0x60", EXPIRY: f"{30 * DAY}+0x60"}, 0),
        "gone": Case({STATE % "certified": GONE}, 1),
        "gone for hours": Case({STATE % "certified": GONE}, 1, LATER),
        "gone after it was suspended": Case(
            {STATE % "certified": "1+0x9 0+0x10 stale", STATE % "suspended": "0+0x9 1+0x10 stale"}, 0, LATER
        ),
        "gone and back": Case({STATE % "certified": "1+0x20 _x90 1+0x200"}, 0, LATER),
        "expires in three days": Case({STATE % "certified": "1+0x60", EXPIRY: f"{3 * DAY}+0x60"}, 1),
        "gets another state": Case(
            {STATE % "certified": "1+0x20 0+0x40", STATE % "suspended": "0+0x20 1+0x40"}, 1
        ),
    },
    "SignalboxDetectorNearLimit": {
        "fires": detector("1000+0x60", 1),
        "silent": detector("100+0x60", 0),
        "gone": detector("1000+0x20 stale", 0),
        "has no evidence": detector("0+0x60", 0),
    },
    "SignalboxDrift": {
        "fires": constant(DRIFT, 1, 1),
        "silent": constant(DRIFT, 0, 0),
        "gone": Case({DRIFT: GONE}, 0),
        "golden rows changed": constant(f"signalbox_golden_changed{{{TASK}}}", 1, 1),
    },
    "SignalboxRedShareHigh": {
        "fires": counters(120, 1, red__unavailable="0+10x400", green__certified="0+10x400"),
        "silent": counters(120, 0, red__requested="0+10x400", green__certified="0+10x400"),
        "gone": counters(200, 0, red__unavailable="0+10x60 stale", green__certified="0+10x60 stale"),
        "has few answers": counters(120, 0, red__unavailable="0+0.1x400"),
    },
    "SignalboxLabelsOwed": {
        "fires": constant(OLDEST, -8 * DAY, 1, 90),
        "silent": constant(OLDEST, -1 * DAY, 0, 90),
        "gone": Case({OLDEST: f"{-8 * DAY}+0x20 stale"}, 0, 90),
    },
    "SignalboxErrorBudgetBurn": {
        # In both speeds, which are two alerts.
        "fires": counters(70, 2, red__unavailable="0+5x400", green__certified="0+5x400"),
        "silent": counters(70, 0, red__unsure="0+5x400", green__certified="0+5x400"),
        "gone": counters(200, 0, red__unavailable="0+5x60 stale", green__certified="0+5x60 stale"),
        "burns slowly": counters(390, 1, red__unavailable="0+8x400", green__certified="0+92x400"),
    },
    "SignalboxSpoolGrowing": {
        "fires": Case({SPOOL: "0+1x60"}, 1),
        "silent": constant(SPOOL, 0, 0),
        "gone": Case({SPOOL: "200+0x20 stale"}, 0),
        "holds many": constant(SPOOL, 500, 1),
    },
    "SignalboxStoreUnavailable": {
        "fires": constant(STORE, 0, 1),
        "silent": constant(STORE, 1, 0),
        "gone": Case({STORE: GONE}, 1),
        "gone for hours": Case({STORE: GONE}, 1, LATER),
        "in another pod": Case({STORE: GONE, STORE.replace('"i"', '"k"'): "_x40 1+0x900"}, 0, LATER),
    },
    "SignalboxCardinality": {
        "fires": Case({SAMPLES: "30000+0x60", UP: "1+0x60"}, 1),
        "silent": Case({SAMPLES: "2000+0x60", UP: "1+0x60"}, 0),
        "gone": Case({SAMPLES: "30000+0x20 stale", UP: GONE}, 0),
        "is of another program": constant(
            'scrape_samples_post_metric_relabeling{job="b",instance="o"}', 30_000, 0
        ),
    },
    "SignalboxNoModelServer": {
        "fires": constant(UP, 0, 1),
        "silent": constant(UP, 1, 0),
        "gone": Case({UP: GONE}, 1),
        "gone for hours": Case({UP: GONE}, 1, LATER),
        "another engine": Case({UP: GONE, UP.replace("vllm", "sglang"): "_x40 1+0x900"}, 0, LATER),
        "scaled to zero": Case({UP: GONE, REPLICAS: "1+0x20 0+0x40"}, 0),
        "one of two answers": Case({UP: "0+0x60", UP.replace('"i"', '"k"'): "1+0x60"}, 0),
    },
    "SignalboxQueueLong": {
        "fires": constant(WAITING, 20, 1),
        "silent": constant(WAITING, 1, 0),
        "gone": Case({WAITING: "20+0x20 stale", UP: GONE}, 0),
    },
    "SignalboxKVCacheFull": {
        "fires": constant(KV, 0.99, 1),
        "silent": constant(KV, 0.5, 0),
        "gone": Case({KV: "0.99+0x20 stale"}, 0),
        "old version": constant(KV.replace("kv_cache", "gpu_cache"), 0.99, 1),
    },
    "SignalboxPreemptions": {
        "fires": Case({PREEMPTIONS: "0+60x60"}, 1),
        "silent": constant(PREEMPTIONS, 5, 0),
        "gone": Case({PREEMPTIONS: "0+60x10 stale"}, 0),
    },
    "SignalboxFirstTokenSlow": {
        "fires": first_token("0+0x60", "0+60x60", 1),
        "silent": first_token("0+60x60", "0+60x60", 0),
        "gone": first_token("0+0x10 stale", "0+60x10 stale", 0),
        "has no traffic": first_token("0+0x60", "0+0x60", 0),
    },
    "SignalboxGPUFault": {
        "fires": Case({XID: "0+0x20 31+0x40"}, 1),
        "silent": constant(XID, 0, 0),
        "gone": Case({XID: GONE}, 0),
        "keeps an old error": constant(XID, 31, 0, 60),
        "is hot": constant(f"DCGM_FI_DEV_GPU_TEMP{{{GPU}}}", 92, 1),
        "has no memory": Case(
            {f"DCGM_FI_DEV_FB_FREE{{{GPU}}}": "10+0x60", f"DCGM_FI_DEV_FB_USED{{{GPU}}}": "9990+0x60"}, 1
        ),
    },
    "SignalboxJobFailed": {
        "fires": Case({FAILED: "1+0x60", SUCCESS: "0+0x60"}, 1),
        "silent": Case({FAILED: "0+0x60", SUCCESS: "0+0x60"}, 0),
        "gone": Case({SUCCESS: GONE}, 1),
        "gone for hours": Case({SUCCESS: GONE}, 1, LATER),
        "a retry succeeded": Case({FAILED_PODS: "1+0x60", SUCCESS: "0+0x60"}, 0),
        "a later run of its CronJob succeeded": Case(
            {
                FAILED: "1+0x60",
                SUCCESS: "0+0x60",
                STARTED: "600+0x60",
                OWNER: "1+0x60",
                SUCCEEDED: "700+0x60",
            },
            0,
        ),
        "no run of its CronJob succeeded since": Case(
            {
                FAILED: "1+0x60",
                SUCCESS: "0+0x60",
                STARTED: "600+0x60",
                OWNER: "1+0x60",
                SUCCEEDED: "500+0x60",
            },
            1,
        ),
        "a run of another CronJob succeeded": Case(
            {
                FAILED: "1+0x60",
                SUCCESS: "0+0x60",
                STARTED: "600+0x60",
                OWNER: "1+0x60",
                SUCCEEDED.replace("p-drift", "p-train"): "700+0x60",
            },
            1,
        ),
        "is stale": constant(SUCCESS, -40 * DAY, 1),
        "is stale by its schedule": Case({SUCCESS: f"{-40 * DAY}+0x60", SUSPENDED: "0+0x60"}, 1),
        "its schedule is suspended": Case({SUCCESS: f"{-40 * DAY}+0x60", SUSPENDED: "1+0x60"}, 0),
        "has no schedule": Case({TRAINED: f"{-40 * DAY}+0x60", SUSPENDED: "0+0x60"}, 0),
        "runs once, without kube-state-metrics": constant(TRAINED, -40 * DAY, 0),
        "is of another program": constant(FAILED, 1, 0),
    },
}
