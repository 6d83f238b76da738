# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each link of the chain of credentials, and no secret in what Ansible prints, returns or writes.

The tests of secrets have a cloud that tells all it sees. Other orders of precedence and each way in which credentials
can be bad are in ``tests/unit/plugins/module_utils/_credentials``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from .conftest import DEMO
from .echo_gateway import EchoGateway
from .plays import play, show, task

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from clb_emulator.testing import Emulator

ROLES = "qcs::cam::uin/100000000001:roleName"
ROLE, OTHER_ROLE, CLOSED_ROLE = f"{ROLES}/deploy", f"{ROLES}/other", f"{ROLES}/closed"
WEB_TOKEN = "eyJhbGciOiJSUzI1NiJ9.web-identity.sEcReT"
EXPIRED_TOKEN = "tOkEnThatHasEndedsEcReT"
PASSWORD = "hunter2hunter2hunter2"
PAIRS = ("option", "environment", "tccli", "deploy", "sdkdeploy")
KEYS = {f"AKID{pair}": f"{pair}KeysEcReT0123456789" for pair in PAIRS}
"""ID -> key of every pair that the emulator knows."""
SETTINGS: dict[str, Any] = {
    "credentials": [{"secret_id": secret_id, "secret_key": key} for secret_id, key in KEYS.items()],
    "rate_limit": 0,
    "sts": {
        "roles": {ROLE: None, OTHER_ROLE: None, CLOSED_ROLE: {"allow": False}},
        "web_identity_tokens": {WEB_TOKEN: {"provider_id": "tke"}},
    },
    "metadata": {"role": "clb-role"},
}
OPTIONS = {"secret_id": "AKIDoption", "secret_key": KEYS["AKIDoption"]}
ENVIRONMENT = {"TENCENTCLOUD_SECRET_ID": "AKIDenvironment", "TENCENTCLOUD_SECRET_KEY": KEYS["AKIDenvironment"]}
EMPTY = (*ENVIRONMENT, "TENCENTCLOUD_TOKEN", "TENCENTCLOUD_SECURITY_TOKEN", "TENCENTCLOUD_PROFILE", "TCCLI_PROFILE")
TEMPORARY = "AKIDtmp"


@dataclass
class Places:
    """A home directory and variables.

    A task gets ``environment(...)``. It hides the keys of the process, where ``keep`` does not name them: keys in a
    task's ``environment`` would be shown by Ansible itself at ``-vvv``, in the commands that it runs.
    """

    emulator: Emulator
    home: Path
    url: str

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def tccli(self, name: str, secret_id: str, **more: Any) -> Path:
        keys = {"secretId": secret_id, "secretKey": KEYS[secret_id]}
        return self.write(f".tccli/{name}.credential", json.dumps({**keys, **more}))

    def pod(self) -> dict[str, str]:
        return {
            "TKE_REGION": self.emulator.region,
            "TKE_PROVIDER_ID": "tke",
            "TKE_ROLE_ARN": ROLE,
            "TKE_WEB_IDENTITY_TOKEN_FILE": str(self.write("token", WEB_TOKEN + "\n")),
        }

    def environment(self, *more: dict[str, str], keep: Iterable[str] = (), cvm: bool = False) -> dict[str, str]:
        variables = {
            **dict.fromkeys((name for name in EMPTY if name not in keep), ""),
            "HOME": str(self.home),
            "TENCENTCLOUD_CLB_ENDPOINT": self.url,
            "TENCENTCLOUD_STS_ENDPOINT": self.url,
            # Nothing listens there, so that asking for the CVM's role fails at once.
            "TENCENTCLOUD_METADATA_ENDPOINT": self.url if cvm else "http://127.0.0.1:9",
        }
        return {name: value for each in (variables, *more) for name, value in each.items()}


def read(name: str, environment: dict[str, str], **options: Any) -> dict[str, Any]:
    """A task that reads what is bound; it may fail."""
    module = {"tencentcloud.clb.targets_info": {"load_balancer_id": "lb-demo", **options}}
    return {"name": name, **module, "environment": environment, "ignore_errors": True}


@pytest.fixture
def places(emulator, tmp_path) -> Places:
    emulator.load(DEMO, **SETTINGS)
    return Places(emulator, tmp_path / "user", emulator.url)


def links(places) -> list[tuple[dict[str, Any], list[tuple[str, str | None]], str]]:
    """One task for each link of the chain, with the calls and who signs them, and the source's name."""
    asked, assume, pod = "DescribeTargets", "AssumeRole", "AssumeRoleWithWebIdentity"
    bare, sdk = (Places(places.emulator, places.home.parent / name, places.url) for name in ("bare", "sdk"))
    key = KEYS["AKIDsdkdeploy"]
    sdk.write(".tencentcloud/credentials", f"[deploy]\nsecret_id = AKIDsdkdeploy\nsecret_key = {key}\n")
    other = {"TENCENTCLOUD_ROLE_ARN": OTHER_ROLE}
    tccli, cvm, with_keys = places.environment(), bare.environment(cvm=True), bare.environment(keep=ENVIRONMENT)
    signers = ("AKIDenvironment", "AKIDtccli", TEMPORARY)
    from_keys, from_tccli, from_role = ([(assume, signer), (asked, TEMPORARY)] for signer in signers)
    by_option = f"the role {ROLE}, assumed with"
    return [
        (read("options", bare.environment(), **OPTIONS), [(asked, "AKIDoption")], "the options"),
        (read("keys", with_keys), [(asked, "AKIDenvironment")], "the environment"),
        (read("tccli", tccli), [(asked, "AKIDtccli")], "profile 'default' in "),
        (read("sdk", sdk.environment(), profile="deploy"), [(asked, "AKIDsdkdeploy")], "profile 'deploy'"),
        (read("pod", bare.environment(bare.pod())), [(pod, None), (asked, TEMPORARY)], "the TKE pod identity"),
        (read("cvm", cvm), [(asked, TEMPORARY)], "the role of this CVM"),
        (read("role by option", with_keys | other, role_arn=ROLE), from_keys, f"{by_option} the environment"),
        (read("role by environment", tccli | other), from_tccli, f"the role {OTHER_ROLE}, assumed with profile"),
        (read("role of a role", cvm, role_arn=ROLE), from_role, f"{by_option} the role of this CVM"),
    ]


def test_every_link(playbook, emulator, places):
    profile = places.tccli("default", "AKIDtccli")
    profile.chmod(0o644)
    cases = links(places)
    run = playbook(play(*(each for each, _, _ in cases)), "-vvv", environment=ENVIRONMENT)

    assert {task.status for task in run.tasks} == {"ok"}, run.output
    calls = [call for call in emulator.calls() if not call["action"].startswith("Metadata")]
    ids = [TEMPORARY if (call["secret_id"] or "").startswith(TEMPORARY) else call["secret_id"] for call in calls]
    signers = list(zip([call["action"] for call in calls], ids, strict=True))
    assert signers == [signed for _, own, _ in cases for signed in own]
    for each, own, source in cases:
        result = run.result(each["name"])
        assert result["credentials_source"].startswith(source), each["name"]
        assert f'"credentials_source": "{result["credentials_source"]}' in run.stdout
        assert result["api_calls"] == {action: 1 for action, _ in own}, each["name"]
    assert not [key for key in KEYS.values() if key in run.output]
    # Others can read the profile.
    assert str(profile) in run.output.replace("\n", "")
    assert "chmod 600" in run.output.replace("\n", " ")


@pytest.mark.long
def test_a_task_that_outlives_its_credentials(playbook, emulator, places):
    settings = {**SETTINGS, "sts": {**SETTINGS["sts"], "lifetime": 2}, "health": {"after": 5.0}}
    emulator.load(DEMO, **settings)
    target = {"listener_id": "lbl-tcp443", "instance_id": "ins-web4", "port": 8443}
    options = {"load_balancer_id": "lb-demo", "targets": [target], "wait_for_health": True, "role_arn": ROLE}
    bind = task("bind", {"environment": places.environment(keep=ENVIRONMENT)}, **options)
    run = playbook(play(bind), environment=ENVIRONMENT)

    assert run.rc == 0, run.output
    assert run.result("bind")["api_calls"]["AssumeRole"] >= 3
    assert not [call for call in emulator.calls() if call["outcome"].startswith("AuthFailure")]


def test_messages_of_the_cloud_are_no_templates(playbook, emulator, places):
    refusal = {"kind": "error", "code": "FailedOperation", "message": "{{ 7 * 7 }}", "times": -1}
    emulator.add_faults({"action": "DescribeTargets", **refusal})
    refused = {**read("read", places.environment(keep=ENVIRONMENT)), "register": "read"}
    run = playbook(play(refused, show("show", "{{ read.msg }} {{ read.error.message }}")), environment=ENVIRONMENT)

    assert run.result("read")["error"]["message"] == "{{ 7 * 7 }}"
    assert run.result("show")["msg"].endswith(" {{ 7 * 7 }}")
    assert "49" not in run.result("show")["msg"]


@pytest.fixture
def gateway(emulator, places):
    with EchoGateway(emulator.url, KEYS).running() as gateway:
        gateway.secrets |= {WEB_TOKEN, EXPIRED_TOKEN, PASSWORD}
        places.url = gateway.url
        yield gateway


def link_tasks(places: Places) -> list[dict[str, Any]]:
    """One task for each link; those of the environment take the keys of the process."""
    places.tccli("role", "AKIDdeploy", **{"role-arn": ROLE})
    bare, torn = (Places(places.emulator, places.home.parent / name, places.url) for name in ("bare", "torn"))
    torn.write(".tccli/default.credential", '{"secretId": "AKIDtccli", "secretKey": "' + KEYS["AKIDtccli"])
    option = {"secret_id": "AKIDoption", "secret_key": "{{ lookup('env', 'KEY_FOR_OPTION') }}"}
    endpoint = "https://me:{{ lookup('env', 'PASSWORD_FOR_OPTION') }}@clb.example.com"
    with_keys = bare.environment(keep=ENVIRONMENT)
    new = {"listener_id": "lbl-tcp443", "instance_id": "ins-web4", "port": 8443, "tag": "new"}
    keywords = {"environment": with_keys, "ignore_errors": True}
    return [
        read("options", bare.environment(), **option),
        read("environment", with_keys),
        read("pod", bare.environment(bare.pod())),
        read("cvm", bare.environment(cvm=True)),
        read("profile with role", places.environment(), profile="role"),
        read("torn file", torn.environment()),
        read("expired token", bare.environment(keep=[*ENVIRONMENT, "TENCENTCLOUD_TOKEN"])),
        read("closed role", with_keys, role_arn=CLOSED_ROLE),
        read("password", with_keys, endpoint=endpoint),
        task("a write", keywords, load_balancer_id="lb-demo", role_arn=ROLE, targets=[new]),
    ]


def remember() -> list[dict[str, Any]]:
    """Tasks that put all results wherever a result can go."""
    copy = {"content": "{{ done | to_nice_json }}", "dest": "{{ folder }}/done.json", "mode": "0600"}
    return [
        {"name": "show", "ansible.builtin.debug": {"var": "done"}},
        {"name": "fact", "ansible.builtin.set_fact": {"kept": "{{ done }}", "cacheable": True}},
        {"name": "write", "ansible.builtin.copy": copy},
    ]


def everything_written(run, folder: Path) -> dict[str, str]:
    """All that was printed, returned or written, by where it stands."""
    texts = {"stdout": run.stdout, "stderr": run.stderr, "results": str([one.result for one in run.tasks])}
    for path in folder.rglob("*"):
        # In some files the test itself has put secrets.
        if path.is_file() and path.suffix != ".credential" and path.name != "token":
            # The cache plugin gives its file a prefix that differs between versions.
            where = "facts" if path.parent.name == "facts" else str(path.relative_to(folder))
            texts[where] = path.read_text(encoding="utf-8", errors="replace")
    return texts


def leaks(texts: dict[str, str], secrets: set[str]) -> list[tuple[str, str]]:
    """Where which secret stands, whole or its first or last half; shorter pieces could be there by chance."""
    halves = {half for secret in secrets for half in (secret[: len(secret) // 2], secret[-(len(secret) // 2) :])}
    pieces = [piece for piece in secrets | halves if len(piece) >= 16]
    return [(where, piece) for where, text in texts.items() for piece in pieces if piece in text]


@pytest.mark.sample(3)
@pytest.mark.parametrize("echo", ["data", "error", "sts", pytest.param("html", marks=pytest.mark.long)])
def test_nothing_is_shown(playbook, gateway, places, tmp_path, echo):
    gateway.echo = echo
    tasks = link_tasks(places)
    if echo in ("html", "sts"):
        # Each of these is asked for again and again, which takes its time.
        chosen = ("options", "cvm", "expired token", "closed role", *(["pod"] if echo == "sts" else []))
        tasks = [each for each in tasks if each["name"] in chosen]
    settings = {
        "ANSIBLE_LOG_PATH": str(tmp_path / "ansible.log"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(tmp_path / "facts"),
        "ANSIBLE_INJECT_INVOCATION": "true",
        "ANSIBLE_DISPLAY_TRACEBACK": "always",
        "KEY_FOR_OPTION": OPTIONS["secret_key"],
        "PASSWORD_FOR_OPTION": PASSWORD,
        "TENCENTCLOUD_TOKEN": EXPIRED_TOKEN,
        **ENVIRONMENT,
    }
    registered = [{**each, "register": f"done_{number}"} for number, each in enumerate(tasks)]
    variables = {"folder": str(tmp_path), "done": [f"{{{{ done_{number} }}}}" for number in range(len(tasks))]}
    steps = play(*registered, *remember())
    run = playbook(steps, "-vvvv", "--diff", variables=variables, environment=settings)
    written = everything_written(run, tmp_path)

    # Keys, tokens and signatures: at least those of the links that hand out temporary ones were seen.
    assert len(gateway.secrets) > len(KEYS) + len(tasks)
    assert gateway.echoed, run.output
    statuses = {each["name"]: run.task(each["name"]).status for each in tasks}
    assert statuses["cvm"] == statuses["options"] == ("ok" if echo == "data" else "failed"), run.output
    assert statuses["closed role"] == statuses["expired token"] == "failed"
    looked = ("stdout", "results", "ansible.log", "facts", "done.json")
    assert [where for where in looked if "lb-demo" not in written[where]] == []
    assert leaks(written, gateway.secrets) == []
    # The search would find even one half.
    longest = max(gateway.secrets, key=len)
    assert leaks({"half": longest[len(longest) // 2 :]}, gateway.secrets)


@pytest.mark.parametrize(
    "echo, options", [("error", {}), ("error", OPTIONS), pytest.param("html", {}, marks=pytest.mark.long)]
)
def test_the_inventory_shows_nothing(inventory, gateway, places, tmp_path, echo, options):
    gateway.echo = echo
    places.tccli("role", "AKIDdeploy", **{"role-arn": ROLE})
    log = tmp_path / "ansible.log"
    environment = {**places.environment({"TENCENTCLOUD_PROFILE": "role"}), "ANSIBLE_LOG_PATH": str(log)}
    done = inventory("-vvvv", environment=environment, load_balancer_ids=["lb-demo"], **options)

    assert gateway.echoed, done.stderr
    assert leaks({"stdout": done.stdout, "stderr": done.stderr, "log": log.read_text()}, gateway.secrets) == []
