# SPDX-License-Identifier: Apache-2.0
"""The files in deploy/ are what systemd, Caddy and nginx take; the container is locked down."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests import caddy
from tests.nginx import NGINX, nginx_is_installed

DEPLOY = Path(__file__).parents[2] / "deploy"
UNITS = ["stemtide-hub.service", "stemtide-agent.service"]
MOST_EXPOSED = 20
"""Tenths: systemd calls up to 2.5 of 10 no more than OK."""

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed: no check of units"
)


@needs_systemd
@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_understood_and_exposes_little(unit, tmp_path):
    copy = tmp_path / unit
    text = (DEPLOY / "systemd" / unit).read_text("utf-8")
    copy.write_text(re.sub(r"/opt/stemtide/\w+/bin/stemtide", "/bin/true", text))
    verified = run("systemd-analyze", "verify", "--man=no", copy)
    assert (verified.returncode, of_unit(verified, unit)) == (0, "")
    security = ("security", "--offline=yes", "--no-pager", f"--threshold={MOST_EXPOSED}", copy)
    rated = run("systemd-analyze", *security)
    assert rated.returncode == 0, rated.stdout[-400:]


def of_unit(done, unit):
    """What systemd says of one unit; it also reads those of the machine."""
    return "\n".join(line for line in done.stderr.splitlines() if unit in line)


@pytest.mark.skipif(not caddy.is_installed(), reason="Caddy is not installed")
def test_caddy_takes_its_file(tmp_path):
    words = ("validate", "--adapter", "caddyfile", "--config", caddy.CADDYFILE)
    done = run(caddy.CADDY, *words, STEMTIDE_HOST="hub.example.eu", HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(not nginx_is_installed(), reason="nginx is not installed")
def test_nginx_takes_its_file(tmp_path):
    key = tmp_path / "hub.key"
    certificate = tmp_path / "hub.pem"
    subject = ("-subj", "/CN=hub.example.eu", "-days", "1", "-nodes", "-newkey", "rsa:2048")
    run("openssl", "req", "-x509", *subject, "-keyout", key, "-out", certificate)
    text = (DEPLOY / "nginx/stemtide-hub.conf").read_text("utf-8")
    text = re.sub(r"/etc/ssl/private/[\w.]+\.key", str(key), text)
    text = re.sub(r"/etc/ssl/[\w.]+\.pem", str(certificate), text)
    config = tmp_path / "nginx.conf"
    config.write_text(f"pid {tmp_path}/pid;\nevents {{}}\nhttp {{\naccess_log off;\n{text}}}\n")
    done = run(NGINX, "-t", "-q", "-e", tmp_path / "log", "-c", config)
    assert done.returncode == 0, done.stderr


def run(*words, **environment):
    return subprocess.run(
        [str(word) for word in words],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_services_of_ours_may_write_to_their_data_alone_and_gain_no_rights():
    services = yaml.safe_load((DEPLOY / "container/compose.yml").read_text("utf-8"))["services"]
    for name in ("hub", "proxy"):
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges"]
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"proxy"}
    container = (DEPLOY / "container/Containerfile").read_text("utf-8")
    assert re.findall(r"^USER .*", container, re.MULTILINE) == ["USER 8100:8100"]
