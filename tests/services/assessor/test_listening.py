"""The addresses of the real assessor process."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from local import stack
from local.processes import Supervisor
from signalbox.settings import Settings
from tests.helpers import free_port, has_ipv6
from tests.services.assessor.page_app import TASK


@pytest.mark.skipif(not has_ipv6(), reason="this kernel has no IPv6")
def test_it_is_reached_over_ipv4_and_ipv6(tmp_path: Path) -> None:
    settings = Settings(task=TASK, state_dir=tmp_path, host="::", assessor_port=free_port())
    service = stack.assessor(settings)
    assert service.url == f"http://[::1]:{settings.assessor_port}"
    with Supervisor(settings.logs_dir) as supervisor:
        supervisor.start(service)
        supervisor.wait_ready(service)
        for host in ("127.0.0.1", "[::1]"):
            url = f"http://{host}:{settings.assessor_port}/healthz"
            assert httpx2.get(url, trust_env=False, timeout=10).is_success
