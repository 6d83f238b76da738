# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each link of the chain, and each order of precedence, through ansible-playbook and real HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import DEMO
from .credential_places import (
    CLOSED_ROLE,
    ENVIRONMENT,
    EXPIRED_TOKEN,
    OPTIONS,
    OTHER_ROLE,
    ROLE,
    SETTINGS,
    Places,
    key,
    key_id,
    play,
    task,
)

TEMPORARY = "AKIDtmp"


@pytest.fixture
def places(emulator, tmp_path) -> Places:
    emulator.load(DEMO, **SETTINGS)
    return Places(emulator, tmp_path / "user")


def signers(emulator) -> list[tuple[str, str]]:
    """Who signed what, in order, temporary keys as one; None is an unsigned call."""
    calls = [call for call in emulator.calls() if not call["action"].startswith("Metadata")]
    return [(call["action"], _kind(call["secret_id"])) for call in calls]


def _kind(secret_id: str | None) -> str | None:
    return TEMPORARY if secret_id and secret_id.startswith(TEMPORARY) else secret_id


def links(places, bare, sdk) -> list[tuple[str, dict[str, Any], list[tuple[str, str | None]], str]]:
    """One task for each link of the chain: its name, the task, the calls and their signers, the source's name."""
    read, assume, pod = "DescribeTargets", "AssumeRole", "AssumeRoleWithWebIdentity"
    other = {"TENCENTCLOUD_ROLE_ARN": OTHER_ROLE}
    by_option = task("", bare.environment(other, keep=ENVIRONMENT), role_arn=ROLE)
    return [
        ("options", task("", bare.environment(), **OPTIONS), [(read, key_id("option"))], "the options"),
        ("keys", task("", bare.environment(keep=ENVIRONMENT)), [(read, key_id("environment"))], "the environment"),
        ("tccli", task("", places.environment()), [(read, key_id("tccli"))], "profile 'default' in "),
        ("sdk", task("", sdk.environment(), profile="deploy"), [(read, key_id("sdkdeploy"))], "profile 'deploy'"),
        ("pod", task("", bare.environment(bare.pod())), [(pod, None), (read, TEMPORARY)], "the TKE pod identity"),
        ("cvm", task("", bare.environment(cvm=True)), [(read, TEMPORARY)], "the role of this CVM"),
        (
            "role by option",
            by_option,
            [(assume, key_id("environment")), (read, TEMPORARY)],
            f"the role {ROLE}, assumed with the environment",
        ),
        (
            "role by environment",
            task("", places.environment(other)),
            [(assume, key_id("tccli")), (read, TEMPORARY)],
            f"the role {OTHER_ROLE}, assumed with profile",
        ),
        (
            "role on the role of the CVM",
            task("", bare.environment(cvm=True), role_arn=ROLE),
            [(assume, TEMPORARY), (read, TEMPORARY)],
            f"the role {ROLE}, assumed with the role of this CVM",
        ),
    ]


def test_every_link(playbook, emulator, places):
    places.tccli("default", "tccli")
    sdk = Places(emulator, places.home.parent / "sdk")
    sdk.sdk(default="sdk", deploy="sdkdeploy")
    cases = links(places, Places(emulator, places.home.parent / "bare"), sdk)
    run = playbook(play(*({**each, "name": name} for name, each, _, _ in cases)), "-vvv", environment=ENVIRONMENT)

    assert run.recap["localhost"]["ignored"] == 0, run.output
    assert signers(emulator) == [call for _, _, calls, _ in cases for call in calls]
    for name, _, calls, source in cases:
        result = run.result(name)
        assert result["credentials_source"].startswith(source), name
        assert f'"credentials_source": "{result["credentials_source"]}' in run.stdout
        assert result["api_calls"] == {action: 1 for action, _ in calls}, name
    assert not [pair for pair in SETTINGS["credentials"] if pair["secret_key"] in run.output]


def failures(places) -> list[tuple[dict[str, Any], str, list[str]]]:
    """Tasks with bad credentials: each with the code of its error, and what the message has to name."""
    bare, torn, section = (Places(places.emulator, places.home.parent / name) for name in ("bare", "torn", "section"))
    torn_file = torn.write(".tccli/default.credential", '{"secretId": "AKID", "secretKey": "' + key("tccli"))
    section_file = section.sdk(default="sdk")
    empty = {**bare.pod(), "TKE_WEB_IDENTITY_TOKEN_FILE": str(bare.write("empty", ""))}
    half = ["TENCENTCLOUD_SECRET_KEY"]
    ended = [*ENVIRONMENT, "TENCENTCLOUD_TOKEN"]
    wrong = {"secret_id": key_id("option"), "secret_key": "{{ lookup('env', 'WRONG_KEY') }}"}
    not_found = "CredentialsNotFound"
    return [
        (task("torn JSON", torn.environment()), not_found, [str(torn_file), "line 1"]),
        (task("no such section", section.environment(), profile="deploy"), not_found, [str(section_file), "[deploy]"]),
        (task("half", bare.environment(keep=half)), not_found, ["TENCENTCLOUD_SECRET_ID is missing"]),
        (task("expired token", bare.environment(keep=ended)), "AuthFailure.TokenFailure", ["get new ones"]),
        (
            task("closed role", bare.environment(keep=ENVIRONMENT), role_arn=CLOSED_ROLE),
            "UnauthorizedOperation",
            [CLOSED_ROLE, "sts:AssumeRole"],
        ),
        (task("empty token file", bare.environment(empty)), not_found, [empty["TKE_WEB_IDENTITY_TOKEN_FILE"], "empty"]),
        (task("wrong key", bare.environment(), **wrong), "AuthFailure.SignatureFailure", ["Check secret_key"]),
    ]


def test_bad_credentials(playbook, emulator, places):
    with_token = {**ENVIRONMENT, "TENCENTCLOUD_TOKEN": EXPIRED_TOKEN, "WRONG_KEY": "wrOngsEcReT"}
    cases = failures(places)
    run = playbook(play(*(each for each, _, _ in cases)), "-vvvv", environment=with_token)

    for each, code, named in cases:
        result = run.result(each["name"])
        assert (run.task(each["name"]).status, result["error"]["code"]) == ("failed", code), result
        assert not [text for text in named if text not in result["msg"]], result["msg"]
    assert "sEcReT" not in run.output
    assert "Traceback" not in run.output
    assert not [call for call in emulator.calls() if call["accepted"]]


def clock(name: str) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.debug": {"msg": "{{ now().timestamp() }}"}}


@pytest.mark.parametrize(
    "fault, told",
    [
        (None, "can't connect"),
        ({"action": "MetadataCredentials", "kind": "hang", "seconds": 60}, "no answer within"),
    ],
    ids=["nothing", "hangs"],
)
def test_nothing_configured_lists_the_ways_and_waits_for_none(playbook, emulator, places, fault, told):
    if fault:
        emulator.add_faults(fault)
    environment = places.environment({"TENCENTCLOUD_REGION": ""}, cvm=fault is not None)
    run = playbook(play(clock("before"), task("read", environment), clock("after")))
    result = run.result("read")

    assert result["error"]["code"] == "CredentialsNotFound"
    for way in ("secret_id", "profile", "TENCENTCLOUD_SECRET_ID", "tccli", ".tencentcloud/credentials", "TKE", "CVM"):
        assert way in result["msg"]
    assert told in result["msg"]
    assert float(run.result("after")["msg"]) - float(run.result("before")["msg"]) < 30


@pytest.mark.long
def test_a_task_that_outlives_its_credentials(playbook, emulator, places):
    emulator.load(
        DEMO,
        **{**SETTINGS, "sts": {**SETTINGS["sts"], "lifetime": 2}, "health": {"after": 5.0}},
    )
    bind = {
        "name": "bind",
        "tencentcloud.clb.targets": {
            "load_balancer_id": "lb-demo",
            "targets": [{"listener_id": "lbl-tcp443", "instance_id": "ins-web4", "port": 8443}],
            "wait_for_health": True,
            "role_arn": ROLE,
        },
        "environment": places.environment(keep=ENVIRONMENT),
    }
    run = playbook(play(bind), environment=ENVIRONMENT)

    assert run.rc == 0, run.output
    assert run.result("bind")["api_calls"]["AssumeRole"] >= 3
    assert not [call for call in emulator.calls() if call["outcome"].startswith("AuthFailure")]


def test_a_file_that_others_can_read_gives_a_warning(playbook, places):
    path = places.tccli("default", "tccli")
    path.chmod(0o644)
    run = playbook(play(task("read", places.environment())))

    assert run.task("read").status == "ok", run.output
    assert str(path) in run.output.replace("\n", "")
    assert "chmod 600" in run.output.replace("\n", " ")


def test_messages_of_the_cloud_are_no_templates(playbook, emulator, places):
    emulator.add_faults(
        {"action": "DescribeTargets", "kind": "error", "code": "FailedOperation", "message": "{{ 7 * 7 }}", "times": -1}
    )
    show = {"name": "show", "ansible.builtin.debug": {"msg": "{{ read.msg }} {{ read.error.message }}"}}
    run = playbook(
        play({**task("read", places.environment(keep=ENVIRONMENT)), "register": "read"}, show), environment=ENVIRONMENT
    )

    assert run.result("read")["error"]["message"] == "{{ 7 * 7 }}"
    assert run.result("show")["msg"].endswith(" {{ 7 * 7 }}")
    assert "49" not in run.result("show")["msg"]
