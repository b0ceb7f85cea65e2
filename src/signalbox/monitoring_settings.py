"""Settings of monitoring: Prometheus, Grafana, and the figures for estimates of energy. Part of `signalbox.settings`."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings

from signalbox.serving.listen import url_host


class MonitoringSettings(BaseSettings):
    """The settings that only monitoring reads, and the address that servers bind."""

    host: str = Field(
        default="127.0.0.1", description="Address that servers bind. `::` is all addresses, of IPv4 and IPv6."
    )
    prometheus_port: int = Field(
        default=9095,
        ge=1,
        le=65535,
        description="Port of the local Prometheus. 9090 is that of the service which Debian's package starts.",
    )
    job_metrics_port: int = Field(
        default=9096, ge=1, le=65535, description="Port of the metrics that local jobs write, for Prometheus."
    )
    prometheus_enabled: bool = Field(
        default=True, description="Whether the local stack starts Prometheus where it is installed."
    )
    prometheus_url: str | None = Field(
        default=None,
        description="URL of an external Prometheus for `signalbox top`. No local one is started then.",
    )
    grafana_url: str | None = Field(
        default=None, description="URL of Grafana for `signalbox dashboards`, with the path if there is one."
    )
    grafana_token: SecretStr | None = Field(
        default=None, description="Token of a service account with the role Editor."
    )
    grafana_token_file: Path | None = Field(
        default=None, description="File with this token, instead of the variable."
    )
    wh_per_1k_tokens: float | None = Field(
        default=None,
        ge=0,
        description="Watt hours of the decoder for 1,000 completion tokens, as `signalbox plan` predicts or DCGM measures; "
        "for the estimate of energy in the usage of clients.",
    )
    encoder_watts: float | None = Field(
        default=None, ge=0, description="Power of the encoder while it computes, for the same estimate."
    )

    @property
    def starts_prometheus(self) -> bool:
        """Whether the local stack starts Prometheus if it can."""
        return self.prometheus_enabled and not self.prometheus_url

    @property
    def prometheus_base_url(self) -> str:
        """Base URL of Prometheus."""
        return (self.prometheus_url or f"http://{url_host(self.host)}:{self.prometheus_port}").rstrip("/")
