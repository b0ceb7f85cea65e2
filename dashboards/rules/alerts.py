"""The alerts: at most 16, each with a runbook in docs/runbooks."""

from __future__ import annotations

from dashboards import promql, thresholds
from dashboards.rules import assessor, jobs, servers, trust
from dashboards.rules.rule import Alert
from dashboards.thresholds import Threshold
from signalbox.contracts import certificate_metrics as certificate
from signalbox.contracts import metrics

TRUST, ANSWERS, SERVICE, SERVERS, GPU, JOBS = (
    f"signalbox-{name}" for name in ("trust", "answers", "service", "servers", "gpu", "jobs")
)
CRITICAL, WARNING = "critical", "warning"
_WHERE = "{{ $labels.namespace }}"
_KEY_TEXT = "{{ $labels.task }}, {{ $labels.language }}, {{ $labels.verdict }}, route {{ $labels.route }}"


def alerts() -> tuple[Alert, ...]:
    """All alerts, in the order of the boards."""
    return (*_trust(), *_service(), *_servers(), *_gpu(), *_jobs())


def beyond(expr: str, threshold: Threshold) -> str:
    """The comparison with a threshold of the table."""
    return f"{expr} {threshold.operator} {threshold}"


def _state(expr: str, state: str, label: str = "state") -> str:
    return f'label_replace({expr}, "{label}", "{state}", "", "")'


def _trust() -> tuple[Alert, ...]:
    lost = promql.series(certificate.CERTIFICATE_STATE, 'state=~"suspended|revoked|expired"')
    before = f"last_over_time({trust.CERTIFIED}[{promql.MEMORY}]) == 1"
    known = f"max by ({trust.KEY}) ({promql.series(certificate.CERTIFICATE_STATE)})"
    expiring = f"{beyond(trust.DAYS_LEFT, thresholds.CERTIFICATE_DAYS)} > 0"
    drifted = f"max by (namespace, task, language, route, column) ({promql.series(metrics.DRIFT_DETECTED)})"
    golden = f"max by (namespace, task, language, route) ({promql.series(certificate.GOLDEN_CHANGED)})"
    oldest = promql.series(certificate.CERTIFICATE_OLDEST_REQUEST)
    age = f"(time() - min by (namespace, task, language) ({oldest})) / {thresholds.DAY_SECONDS}"
    enough = f"and on ({assessor.BY}) signalbox:answers:increase1h >= {thresholds.RED_SHARE_ANSWERS}"
    return (
        Alert(
            "SignalboxCertificateLost",
            f"max by ({trust.KEY}, state) ({lost} == 1)"
            f" or {_state(f'({expiring})', 'expiring')}"
            f" or {_state(f'({before} unless {known})', 'gone')}",
            "5m",
            CRITICAL,
            f"Certificate {{{{ $labels.state }}}}: {_KEY_TEXT}",
            "Without a certificate no answer of this key is green.",
            TRUST,
        ),
        Alert(
            "SignalboxDetectorNearLimit",
            beyond(trust.DETECTOR, thresholds.DETECTOR),
            "0m",
            WARNING,
            f"Detector at {{{{ $value | humanizePercentage }}}} of its limit: {_KEY_TEXT}",
            "Recent labels of green answers are wrong more often. At the limit the certificate is revoked.",
            TRUST,
        ),
        Alert(
            "SignalboxDrift",
            f"{beyond(drifted, thresholds.DRIFT)} or {_state(f'({beyond(golden, thresholds.DRIFT)})', 'golden rows', 'column')}",
            "0m",
            WARNING,
            "Drift of {{ $labels.column }}: {{ $labels.task }}, {{ $labels.language }}, route {{ $labels.route }}",
            "Recent answers differ from those of the reference window, or the golden rows get other answers.",
            ANSWERS,
        ),
        Alert(
            "SignalboxRedShareHigh",
            f"{beyond(assessor.RED, thresholds.RED_SHARE)} {enough}",
            "30m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the answers are red: {{{{ $labels.task }}}}, {{{{ $labels.language }}}}, namespace {_WHERE}",
            "Users get few verdicts. Answers that are red to get their ground truth are not counted.",
            TRUST,
        ),
        Alert(
            "SignalboxLabelsOwed",
            beyond(age, thresholds.LABEL_AGE_DAYS),
            "1h",
            WARNING,
            "A request for ground truth is {{ $value | humanize }} days old: {{ $labels.task }}, {{ $labels.language }}",
            "Without labels no certificate is issued, and the detector notices nothing.",
            TRUST,
        ),
    )


def _service() -> tuple[Alert, ...]:
    fast, slow = assessor.burning("fast", "5m", "1h"), assessor.burning("slow", "30m", "6h")
    spooled = promql.series(metrics.SPOOLED_ROWS)
    ours = f'(up{{engine=~".+"}} or {spooled})'
    return (
        Alert(
            "SignalboxErrorBudgetBurn",
            f"{_state(fast, 'fast', 'speed')} or {_state(slow, 'slow', 'speed')}",
            "2m",
            '{{ if eq $labels.speed "fast" }}critical{{ else }}warning{{ end }}',
            f"{{{{ $labels.slo }}}} uses its error budget {{{{ $value | humanize }}}} times too fast: {{{{ $labels.task }}}}, namespace {_WHERE}",
            "Fast: the budget of 30 days is used up in two days. Slow: in five days.",
            SERVICE,
        ),
        Alert(
            "SignalboxSpoolGrowing",
            f"{beyond(spooled, thresholds.SPOOLED)} or (delta({spooled}[10m]) > 0 and {spooled} > 0)",
            "5m",
            WARNING,
            f"{{{{ $value }}}} records wait in the spool: namespace {_WHERE}",
            "The database does not accept records. They are in a local file of the assessor until it does.",
            SERVICE,
        ),
        Alert(
            "SignalboxStoreUnavailable",
            f"{beyond(assessor.STORE, thresholds.UPSTREAM_READY)} or {promql.gone(assessor.STORE_BY, assessor.STORE)}",
            "2m",
            CRITICAL,
            f"The record store (Postgres or SQLite) does not answer, or the assessor is gone: namespace {_WHERE}",
            "Answers continue and records are spooled. Earlier answers and the queue are not available.",
            SERVICE,
        ),
        Alert(
            "SignalboxCardinality",
            f"max by (namespace, job, instance) (scrape_samples_post_metric_relabeling and on (job, instance) {ours})"
            f" {thresholds.SAMPLES.operator} {thresholds.SAMPLES}",
            "15m",
            WARNING,
            "{{ $value }} samples in one scrape of {{ $labels.instance }}",
            "A label has too many values, which fills the memory of Prometheus.",
            SERVICE,
        ),
    )


def _servers() -> tuple[Alert, ...]:
    up = f"sum by ({servers.BY}) ({servers.UP})"
    scaled = 'label_replace(kube_deployment_spec_replicas == 0, "service", "$1", "deployment", "(.*)")'
    first = 'signalbox:time_to_first_token_seconds:quantile5m{quantile="0.95"}'
    service = "{{ $labels.service }}, namespace {{ $labels.namespace }}"
    return (
        Alert(
            "SignalboxNoModelServer",
            f"({beyond(up, thresholds.SERVERS)} or {promql.gone(servers.BY, servers.UP)}) unless on ({servers.BY}) {scaled}",
            "5m",
            CRITICAL,
            f"No replica answers: {service}",
            "Answers of this model are red with the reason unavailable. A server that is scaled to zero is left out.",
            SERVERS,
        ),
        Alert(
            "SignalboxQueueLong",
            beyond(servers.WAITING, thresholds.WAITING),
            "10m",
            WARNING,
            f"{{{{ $value }}}} requests wait: {service}",
            "The servers get more requests than they process.",
            SERVERS,
        ),
        Alert(
            "SignalboxKVCacheFull",
            beyond("signalbox:kv_cache_usage:max", thresholds.KV_CACHE),
            "10m",
            WARNING,
            f"{{{{ $value | humanizePercentage }}}} of the KV cache is in use: {service}",
            "New requests wait, and running ones are preempted.",
            SERVERS,
        ),
        Alert(
            "SignalboxPreemptions",
            beyond("signalbox:preemptions:rate5m", thresholds.PREEMPTIONS),
            "10m",
            WARNING,
            f"{{{{ $value | humanize }}}} preemptions per second: {service}",
            "The engine computes requests again because its cache is too small for their number.",
            SERVERS,
        ),
        Alert(
            "SignalboxFirstTokenSlow",
            beyond(first, thresholds.FIRST_TOKEN_SECONDS),
            "10m",
            WARNING,
            f"The first token takes {{{{ $value | humanizeDuration }}}} at the 95th percentile: {service}",
            "Users wait for the first word. llama.cpp and Ollama do not export this figure.",
            SERVERS,
        ),
    )


def _gpu() -> tuple[Alert, ...]:
    by = "Hostname, gpu, UUID"
    changed = f"changes({trust.XID}[15m]) >= {thresholds.XID_CHANGES} or ({trust.XID} > 0 unless {trust.XID} offset 15m)"
    hot = beyond(f"max by ({by}) (DCGM_FI_DEV_GPU_TEMP)", thresholds.GPU_CELSIUS)
    free, used = (f"sum by ({by}) (DCGM_FI_DEV_FB_{name})" for name in ("FREE", "USED"))
    full = beyond(f"{free} / ({free} + {used} > 0)", thresholds.GPU_FREE_SHARE)
    faults = {"Xid error": changed, "temperature": hot, "memory full": full}
    return (
        Alert(
            "SignalboxGPUFault",
            " or ".join(_state(f"({expr})", fault, "fault") for fault, expr in faults.items()),
            "1m",
            CRITICAL,
            "GPU {{ $labels.gpu }} of {{ $labels.Hostname }}: {{ $labels.fault }} ({{ $value }})",
            "An Xid error can stop the model server; heat slows it down; full memory makes the next start fail.",
            GPU,
        ),
    )


def _jobs() -> tuple[Alert, ...]:
    states = {"failed": jobs.failed(), "stale": jobs.stale(), "gone": jobs.gone()}
    return (
        Alert(
            "SignalboxJobFailed",
            " or ".join(_state(f"({expr})", state) for state, expr in states.items()),
            "5m",
            WARNING,
            f"Job {{{{ $labels.job_name }}}}{{{{ $labels.job }}}} {{{{ $labels.state }}}}: namespace {_WHERE}",
            "Failed: a run has no retries left. Stale: a scheduled job had no success for too long. Gone: its metrics are not scraped any more.",
            JOBS,
        ),
    )
