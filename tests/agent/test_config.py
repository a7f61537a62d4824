# SPDX-License-Identifier: Apache-2.0
import pytest

from stemtide.agent.config.settings import DEFAULT_RULES, ConfigError, OnDispute, load
from stemtide.agent.process.supervisor import serve
from stemtide.protocol.enums import Action, Severity
from tests.agent.world import NEW_SECRET as OLD_SECRET, SECRET, config_of

GOOD = 'name = "uploads"\nhub_url = "https://hub.example"\nkey = "st_a_b"\ndata_dir = "var"\n'


def read(tmp_path, text, **env):
    file = tmp_path / "agent.toml"
    file.write_text(text, "utf-8")
    return load(file, env=env)


def test_four_settings_are_enough(tmp_path):
    config = read(tmp_path, GOOD)
    assert (config.host, config.exercise, config.webhook) == ("127.0.0.1", False, None)
    assert config.policy.rules == DEFAULT_RULES
    assert config.data_dir == tmp_path / "var"
    assert config.actions_path == tmp_path / "var/actions.jsonl"


def test_the_environment_goes_over_the_file(tmp_path):
    env = {"STEMTIDE_AGENT_PORT": "9000", "STEMTIDE_AGENT_EXERCISE": "true", "PATH": "x"}
    config = read(tmp_path, GOOD + "port = 1\n", **env)
    assert (config.port, config.exercise) == (9000, True)


def test_the_environment_alone_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"NAME": "a", "HUB_URL": "http://127.0.0.1:1", "KEY": "k", "DATA_DIR": "d"}
    config = load(env={f"STEMTIDE_AGENT_{name}": value for name, value in names.items()})
    assert config.name == "a"


def test_secrets_may_lie_in_files(tmp_path):
    (tmp_path / "key").write_text("st_from_file\n")
    (tmp_path / "secret").write_text(SECRET)
    text = GOOD.replace('key = "st_a_b"', 'key_file = "key"')
    text += '[webhook]\nurl = "https://provider.example/hook?a=b"\nsecret_file = "secret"\n'
    config = read(tmp_path, text)
    assert (config.key, config.webhook.secrets) == ("st_from_file", (SECRET,))
    (tmp_path / "old").write_text(OLD_SECRET)
    both = read(tmp_path, text + 'old_secret_file = "old"\n').webhook
    assert both.secrets == (SECRET, OLD_SECRET)
    env_key = tmp_path / "other"
    env_key.write_text("st_other")
    assert read(tmp_path, GOOD, STEMTIDE_AGENT_KEY_FILE=str(env_key)).key == "st_other"
    assert read(tmp_path, text, STEMTIDE_AGENT_KEY="st_env").key == "st_env"


def test_no_secret_shows_when_settings_are_printed(tmp_path):
    text = GOOD + f'token = "hush"\n[webhook]\nurl = "http://x.example"\nsecret = "{SECRET}"\n'
    shown = repr(read(tmp_path, text + f'old_secret = "{OLD_SECRET}"\n'))
    assert not [one for one in ("st_a_b", "hush", SECRET, OLD_SECRET) if one in shown]


def test_a_policy_is_read_in_its_order(tmp_path):
    config = read(
        tmp_path,
        GOOD
        + """
[[policy.rules]]
name = "first"
action = "block"
labels = ["manifesto", "livestream"]
min_severity = "high"
max_distance_bits = 12
kinds = ["pdq"]
disputed = "also"

[[policy.rules]]
action = "log"
""",
    )
    first, second = config.policy.rules
    assert (first.name, first.action, first.min_severity) == (
        "first",
        Action.BLOCK,
        Severity.HIGH,
    )
    assert (first.labels, first.disputed) == ({"manifesto", "livestream"}, OnDispute.ALSO)
    assert (second.name, second.action, second.disputed) == ("rule 2", Action.LOG, OnDispute.NO)


RULE = "[[policy.rules]]\n"
WRONG = [
    ('name = "a"', "hub_url: is missing; say where"),
    (GOOD.replace("uploads", "Up Loads"), "name: must be 1 to 63 of a-z"),
    (GOOD.replace('"uploads"', "7"), "name: must be text in quotes"),
    (GOOD.replace("https://hub.example", "hub.example"), "hub_url: must be an address such as"),
    (GOOD.replace("https:", "http:"), "hub_url: is plain http"),
    (GOOD.replace('key = "st_a_b"', 'key_file = "none"'), "key_file: cannot be read"),
    (GOOD.replace('key = "st_a_b"', 'key_file = "/dev/null"'), "/dev/null is empty: the command"),
    (GOOD.replace('key = "st_a_b"', 'key = ""'), "key: is missing; put the key"),
    (GOOD + 'host = "0.0.0.0"', "token: is missing, and host '0.0.0.0' lets other machines in"),
    (GOOD + "prot = 1", "prot: is no setting of the agent; did you mean port?"),
    (GOOD + "zzz = 1", "zzz: is no setting of the agent; known are accept_missing_walls"),
    (GOOD + "port = 70000", "port: must be from 0 to 65535, not 70000"),
    (GOOD + "port = true", "port: must be a whole number"),
    (GOOD + 'exercise = "perhaps"', "exercise: must be true or false"),
    (GOOD + 'heartbeat_s = "soon"', "heartbeat_s: must be a number of seconds from 0.1 to 3600"),
    (GOOD + "heartbeat_s = nan", "heartbeat_s: must be a number of seconds"),
    (GOOD + "allowed_hosts = 3", "allowed_hosts: must be a list of host names"),
    (GOOD + 'text_in_pictures = ["../eng"]', "text_in_pictures: must spell languages as `tess"),
    (GOOD + "text_in_pictures = true", "text_in_pictures: must be a list of at most 8 languages"),
    (GOOD + "name =", "agent.toml: is not TOML"),
    (GOOD + "[webhok]", "webhok: is no setting of the agent; did you mean webhook?"),
    (GOOD + "webhook = 3", "webhook: must be a table"),
    (GOOD + '[webhook]\nurl = "https://x.example"', "webhook.secret: is missing"),
    (GOOD + '[webhook]\nsecret = "short"', 'webhook.secret: must be "whsec_" and the base64'),
    (GOOD + '[webhook]\nold_secret = "x"', 'webhook.old_secret: must be "whsec_" and the base64'),
    (GOOD + '[webhook]\nurl = "ftp://x"', "webhook.url: must be an address"),
    (GOOD + "[webhook]\nurll = 1", "webhook.urll: is no setting of the agent; did you mean url?"),
    (GOOD + "policy = 3", "policy: must be a table"),
    (GOOD + "[policy]\nrule = 3", "policy.rule: is no setting"),
    (GOOD + "[policy]\nrules = []", "policy.rules: must be tables"),
    (GOOD + RULE, "policy.rules[1].action: is missing; say one of log, hold, block"),
    (
        GOOD + RULE + 'action = "delete"',
        "policy.rules[1].action: must be one of log, hold, block, not 'delete'",
    ),
    (
        GOOD + RULE + 'action = "log"\n' + RULE + 'action = "log"\nmin_severty = "low"',
        "policy.rules[2].min_severty: is no setting of the agent; did you mean min_severity?",
    ),
    (GOOD + RULE + 'action = "log"\nlabels = "x"', "policy.rules[1].labels: must be a list"),
    (GOOD + RULE + 'action = "log"\nlabels = ["csam"]', "policy.rules[1].labels: must be a label"),
    (GOOD + RULE + 'action = "log"\nkinds = ["tmk"]', "policy.rules[1].kinds: must be one of pdq"),
    (
        GOOD + RULE + 'name = "a"\naction = "log"\n' + RULE + 'name = "a"\naction = "log"',
        "policy.rules: two rules are called 'a'; rename one",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG, ids=[said[:40] for _, said in WRONG])
def test_a_wrong_setting_is_named_with_its_remedy(tmp_path, text, said):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)


def test_a_misspelt_variable_is_no_silent_nothing(tmp_path):
    with pytest.raises(
        ConfigError, match=r"STEMTIDE_AGENT_TOKNE: is no setting.*did you mean token"
    ):
        read(tmp_path, GOOD, STEMTIDE_AGENT_TOKNE="x")


def test_a_file_that_is_named_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml", env={})


def test_a_plain_hub_is_allowed_when_it_is_said(tmp_path):
    text = GOOD.replace("https:", "http:") + "insecure_hub = true"
    assert read(tmp_path, text).insecure_hub


def test_a_port_that_is_taken_is_named(hub, tmp_path):
    with pytest.raises(ConfigError, match=r"host or port: cannot listen at 127\.0\.0\.1:"):
        serve(config_of(hub, tmp_path, port=hub._port))


def test_a_directory_that_another_agent_uses_is_named(hub, tmp_path, agent):  # noqa: ARG001 - it is the other agent
    with pytest.raises(ConfigError, match="data_dir: another agent uses"):
        serve(config_of(hub, tmp_path, port=0))
