# SPDX-License-Identifier: Apache-2.0
"""A real Prometheus, where it is installed, which asks the hubs and agents of a story."""

import json
import shutil
import socket
import subprocess

import httpx


def is_installed():
    """Whether tests can use Prometheus and its tool."""
    return all(shutil.which(name) for name in ("prometheus", "promtool"))


class Prometheus:
    """A Prometheus in a folder of its own. jobs: (name, address, key) of what it asks."""

    def __init__(self, folder, jobs, *, rules):
        self.folder = folder
        folder.mkdir()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [self._job(*job) for job in jobs],
        }
        (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        words = [
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        self._printed = (folder / "printed").open("wb")
        self._process = subprocess.Popen(
            ["prometheus", *words], stdout=self._printed, stderr=self._printed
        )

    def _job(self, name, address, key):
        job = {
            "job_name": name,
            "metrics_path": "/metrics",
            "static_configs": [{"targets": [address.removeprefix("http://")]}],
        }
        return job | ({"authorization": {"credentials": key}} if key else {})

    def query(self, expression):
        """The rows of a query; errors are those of Prometheus."""
        answer = self.http.get("/api/v1/query", params={"query": expression}).json()
        assert answer["status"] == "success", answer
        return answer["data"]["result"]

    def alerts(self):
        """The alerts that are pending or firing, by name."""
        rows = self.http.get("/api/v1/alerts").json()["data"]["alerts"]
        return {row["labels"]["alertname"]: row for row in rows}

    def is_up(self, count):
        """Whether so many targets have answered."""
        assert self._process.poll() is None, (self.folder / "printed").read_text()
        try:
            return len(self.query("up == 1")) == count
        except (httpx.HTTPError, json.JSONDecodeError):
            return False  # it still starts

    def stop(self):
        self.http.close()
        self._process.terminate()
        self._process.wait()
        self._printed.close()
