# SPDX-License-Identifier: Apache-2.0
"""The services of deploy/container/compose.yml agree with each other, the image and the hub."""

import ipaddress
import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.house.test_docs import command_help, section, settings_in_source

ROOT = Path(__file__).parents[2]
FOLDER = Path("deploy/container")
TEXT = (ROOT / FOLDER / "compose.yml").read_text("utf-8")
FILE = yaml.safe_load(TEXT)
SERVICES = FILE["services"]
IMAGE = (ROOT / FOLDER / "Containerfile").read_text("utf-8")
CADDYFILE = (ROOT / "deploy/caddy/Caddyfile").read_text("utf-8")
COMMAND = SERVICES["hub"]["command"].split()
USER = re.search(r"^USER (\d+):", IMAGE, re.MULTILINE)[1]


@pytest.fixture
def release(tmp_path):
    """The folder of a release in which `deploy` was unpacked, as docs/run/README.md says."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    shutil.copy(ROOT / "deploy/hub.lock", tmp_path)
    return tmp_path


def test_the_image_is_built_from_the_folder_of_a_release(release):
    build = SERVICES["hub"]["build"]
    context = (release / FOLDER / build["context"]).resolve()
    assert (context, (context / "hub.lock").is_file()) == (release, True)
    assert (context / build["dockerfile"]).read_text("utf-8") == IMAGE


def test_a_service_names_only_secrets_volumes_and_networks_that_the_file_has(release):
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= set(FILE["secrets"])
        assert set(service["networks"]) <= set(FILE["networks"])
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            is_there = (release / FOLDER / source).is_file() if "/" in source else None
            assert is_there or source in FILE["volumes"], volume
        secrets = {f"/run/secrets/{name}" for name in service.get("secrets", [])}
        environment = service["environment"]
        assert {environment[name] for name in environment if name.endswith("_FILE")} == secrets


def test_the_comment_makes_each_secret_and_lets_the_user_of_the_image_read_the_hubs():
    written = set(re.findall(r"^#.* > ([\w.]+)$", TEXT, re.MULTILINE))
    assert written == {secret["file"] for secret in FILE["secrets"].values()}
    for name in SERVICES["hub"]["secrets"]:
        assert f"chown {USER} {FILE['secrets'][name]['file']}" in TEXT
    used = set(re.findall(r"\$\{(\w+)\}", TEXT))
    assert used == set(re.findall(r"^#   export (\w+)=", TEXT, re.MULTILINE))


def test_the_hub_gets_settings_and_options_that_it_knows():
    assert set(SERVICES["hub"]["environment"]) - {"STEMTIDE_DATABASE_URL_FILE"} <= (
        settings_in_source()
    )
    options = [word for word in COMMAND if word.startswith("--")]
    known = section(command_help(), f"## `stemtide {COMMAND[0]} {COMMAND[1]}`")
    assert [option for option in options if f"{option} " not in known] == []


def test_ports_folders_and_the_proxys_network_agree():
    port = COMMAND[COMMAND.index("--port") + 1]
    proxy = SERVICES["proxy"]["environment"]
    assert proxy["STEMTIDE_HUB"] == f"hub:{port}"
    assert f"http://127.0.0.1:{port}/health" in SERVICES["hub"]["healthcheck"]["test"]
    assert port in re.search(r"^EXPOSE (.*)$", IMAGE, re.MULTILINE)[1].split()
    assert set(proxy) == set(re.findall(r"\{\$(\w+):", CADDYFILE))
    (volume,) = SERVICES["hub"]["volumes"]
    folder = volume.partition(":")[2]
    assert re.search(r"STEMTIDE_DATA_DIR=(\S+)", IMAGE)[1] == folder
    assert f"VOLUME {folder}\n" in IMAGE
    trusted = ipaddress.ip_network(SERVICES["hub"]["environment"]["STEMTIDE_TRUSTED_PROXIES"])
    shared = {*SERVICES["hub"]["networks"]} & {*SERVICES["proxy"]["networks"]}
    subnets = [
        place["subnet"] for name in shared for place in FILE["networks"][name]["ipam"]["config"]
    ]
    assert subnets == [str(trusted)]


def test_the_database_has_room_for_the_connections_of_all_workers():
    (most,) = re.findall(r"max_connections=(\d+)", SERVICES["database"]["command"])
    workers = COMMAND[COMMAND.index("--workers") + 1]
    assert int(most) >= 40 * int(workers) + 20
