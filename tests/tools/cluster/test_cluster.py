"""What of the test cluster can be checked without starting one."""

import tarfile

import pytest
import yaml

from tools.cluster import images, inside, kserve, layout, needs, pki
from tools.cluster.__main__ import main
from tools.cluster.components import CONFIGURATION


def test_missing_packages_are_named_as_debian_names_them(monkeypatch):
    monkeypatch.setattr(needs, "_SYSTEM", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")
    assert {"containerd", "etcd-server", "util-linux"} <= set(needs.missing_packages())


def test_without_root_the_missing_right_is_one_line(monkeypatch, capsys):
    monkeypatch.setattr(needs.os, "geteuid", lambda: 1000)
    assert main(["check"]) == 1
    error = capsys.readouterr().err
    assert "needs root" in error
    assert error.count("\n") == 1


def test_without_namespaces_the_missing_right_is_named(monkeypatch):
    monkeypatch.setattr(needs.os, "geteuid", lambda: 0)
    monkeypatch.setattr(needs, "_may_unshare", lambda: False)
    assert "CAP_SYS_ADMIN" in needs.missing_right()


def test_an_unknown_word_prints_the_usage(capsys):
    assert main(["sideways"]) == 2
    assert "usage:" in capsys.readouterr().err


def test_every_file_of_configuration_is_filled_and_read(tmp_path):
    place = layout.Layout(tmp_path)
    for name, target in CONFIGURATION.items():
        place.fill(name, tmp_path / target)
        assert "${" not in (tmp_path / target).read_text(encoding="utf-8")
    assert yaml.safe_load((tmp_path / "kubelet.yaml").read_text(encoding="utf-8"))["cgroupRoot"] == (
        f"/{layout.CGROUP}"
    )


def test_certificates_are_signed_by_the_clusters_authority(tmp_path):
    place = layout.Layout(tmp_path)
    pki.make(place)
    config = yaml.safe_load((tmp_path / "pki" / "admin.kubeconfig").read_text(encoding="utf-8"))
    authority = config["clusters"][0]["cluster"]["certificate-authority-data"]
    assert authority == pki.encoded(tmp_path / "pki" / "ca.crt")
    for name in pki.CERTIFICATES:
        words = ("verify", "-CAfile", "ca.crt", f"{name}.crt")
        pki._openssl(tmp_path / "pki", *words)  # raises when openssl says no


def test_kserves_webhooks_are_called_by_address():
    webhook = {"clientConfig": {"service": {"path": "/check"}}, "admissionReviewVersions": ["v1beta1", "v1"]}
    item = {"kind": "ValidatingWebhookConfiguration", "apiVersion": "v1", "webhooks": [webhook]}
    (made,) = kserve.outside_of_pods(item, "CA")["webhooks"]
    assert made["clientConfig"] == {"url": "https://10.77.0.1:9443/check", "caBundle": "CA"}
    assert kserve.outside_of_pods({"kind": "Deployment", "apiVersion": "apps/v1"}, "CA") is None


def test_an_image_is_the_same_bytes_each_time(tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "program").write_text("x")
    made = []
    for name in ("a.tar", "b.tar"):
        images.archive(tmp_path / name, "test/image:1", root, ("/program",))
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert "manifest.json" in tar.getnames()


def test_a_command_needs_a_cluster(tmp_path):
    with pytest.raises(inside.SetupError, match="not up"):
        inside.Inside(layout.Layout(tmp_path)).command("true")
