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


def test_every_link(playbook, emulator, places):
    places.tccli("default", "tccli")
    places.tccli("deploy", "deploy")
    bare = Places(emulator, places.home.parent / "bare")
    sdk = Places(emulator, places.home.parent / "sdk")
    sdk.sdk(default="sdk", deploy="sdkdeploy")
    read, assume = "DescribeTargets", "AssumeRole"
    cases: list[tuple[str, dict[str, Any], list[tuple[str, str | None]], str]] = [
        # name, task, calls and their signers, the source's name
        ("options", task("", bare.environment(), **OPTIONS), [(read, key_id("option"))], "the options"),
        (
            "environment",
            task("", bare.environment(keep=ENVIRONMENT)),
            [(read, key_id("environment"))],
            "the environment",
        ),
        ("tccli", task("", places.environment()), [(read, key_id("tccli"))], "profile 'default' in "),
        (
            "tccli, named",
            task("", places.environment({"TENCENTCLOUD_PROFILE": "deploy", "TCCLI_PROFILE": "default"})),
            [(read, key_id("deploy"))],
            "profile 'deploy' in ",
        ),
        (
            "tccli, named by its own variable",
            task("", places.environment({"TCCLI_PROFILE": "deploy"})),
            [(read, key_id("deploy"))],
            "profile 'deploy' in ",
        ),
        ("sdk", task("", sdk.environment()), [(read, key_id("sdk"))], "profile 'default' in "),
        (
            "sdk, named",
            task("", sdk.environment(), profile="deploy"),
            [(read, key_id("sdkdeploy"))],
            "profile 'deploy'",
        ),
        (
            "pod",
            task("", bare.environment(bare.pod())),
            [("AssumeRoleWithWebIdentity", None), (read, TEMPORARY)],
            "the TKE pod identity",
        ),
        ("cvm", task("", bare.environment(cvm=True)), [(read, TEMPORARY)], "the role of this CVM"),
        (
            "role by option",
            task("", bare.environment({"TENCENTCLOUD_ROLE_ARN": OTHER_ROLE}, keep=ENVIRONMENT), role_arn=ROLE),
            [(assume, key_id("environment")), (read, TEMPORARY)],
            f"the role {ROLE}, assumed with the environment",
        ),
        (
            "role by environment",
            task("", places.environment({"TENCENTCLOUD_ROLE_ARN": OTHER_ROLE})),
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
    run = playbook(play(*({**each, "name": name} for name, each, _, _ in cases)), "-vvv", environment=ENVIRONMENT)

    assert run.recap["localhost"]["ignored"] == 0, run.output
    assert signers(emulator) == [call for _, _, calls, _ in cases for call in calls]
    for name, _, calls, source in cases:
        result = run.result(name)
        assert result["credentials_source"].startswith(source), name
        assert f'"credentials_source": "{result["credentials_source"]}' in run.stdout
        assert result["api_calls"] == {action: 1 for action, _ in calls}, name
    assert not [pair for pair in SETTINGS["credentials"] if pair["secret_key"] in run.output]


@pytest.mark.long
def test_precedence(playbook, emulator, places):
    """Everything is there; each task takes away what won in the task before."""
    region = {"TENCENTCLOUD_REGION": ""}
    places.tccli("default", "tccli", **{"role-arn": OTHER_ROLE})
    places.tccli("deploy", "deploy")
    places.write(".tccli/default.configure", {"_sys_param": {"region": "ap-tokyo"}})
    sdk = Places(emulator, places.home.parent / "sdk")
    sdk.sdk(default="sdk")
    bare = Places(emulator, places.home.parent / "bare")
    named = {"TENCENTCLOUD_PROFILE": "default"}
    pod = {**places.pod(), "TKE_REGION": "ap-beijing"}
    every = places.environment(named, pod, keep=ENVIRONMENT, cvm=True)
    everything = {**OPTIONS, "profile": "deploy", "region": "ap-guangzhou"}
    tasks = [
        task("options", every, **everything),
        task("profile as an option", every, profile="deploy", region="ap-guangzhou"),
        task("environment", places.environment(pod, keep=ENVIRONMENT, cvm=True), region="ap-guangzhou"),
        task("profile with its role and region", places.environment(pod, region, cvm=True)),
        task("profile of the SDKs", sdk.environment(pod, region, cvm=True)),
        task("pod", bare.environment(pod, region, cvm=True)),
        task("cvm", bare.environment({"TENCENTCLOUD_REGION": "ap-beijing"}, cvm=True)),
    ]
    run = playbook(play(*tasks), environment=ENVIRONMENT)
    calls = [(call["action"], _kind(call["secret_id"]), call["region"]) for call in emulator.calls()]

    assert calls == [
        ("DescribeTargets", key_id("option"), "ap-guangzhou"),
        ("DescribeTargets", key_id("deploy"), "ap-guangzhou"),
        ("DescribeTargets", key_id("environment"), "ap-guangzhou"),
        ("AssumeRole", key_id("tccli"), "ap-tokyo"),
        ("DescribeTargets", TEMPORARY, "ap-tokyo"),
        ("DescribeTargets", key_id("sdk"), "ap-beijing"),
        ("AssumeRoleWithWebIdentity", None, "ap-beijing"),
        ("DescribeTargets", TEMPORARY, "ap-beijing"),
        ("MetadataRole", None, None),
        ("MetadataCredentials", None, None),
        ("DescribeTargets", TEMPORARY, "ap-beijing"),
    ], run.output
    assert "credentials_source" not in run.result("options")


@pytest.fixture
def failures(places) -> list[tuple[dict[str, Any], str, list[str]]]:
    """Tasks with bad credentials: each with the code of its error, and what the message has to name."""
    bare = Places(places.emulator, places.home.parent / "bare")
    torn = Places(places.emulator, places.home.parent / "torn")
    torn_file = torn.write(".tccli/default.credential", '{"secretId": "AKID", "secretKey": "' + key("tccli"))
    half = Places(places.emulator, places.home.parent / "half")
    half_file = half.write(".tccli/default.credential", {"secretKey": key("tccli")})
    ini = Places(places.emulator, places.home.parent / "ini")
    ini_file = ini.write(".tencentcloud/credentials", f"secret_key = {key('sdk')}\n")
    section = Places(places.emulator, places.home.parent / "section")
    section_file = section.sdk(default="sdk")
    folder = Places(places.emulator, places.home.parent / "folder")
    (folder.home / ".tccli" / "default.credential").mkdir(parents=True)
    pod = bare.pod()
    empty = {**pod, "TKE_WEB_IDENTITY_TOKEN_FILE": str(bare.write("empty", ""))}
    missing = {**pod, "TKE_WEB_IDENTITY_TOKEN_FILE": str(bare.home / "gone")}
    not_found = "CredentialsNotFound"
    return [
        (task("torn JSON", torn.environment()), not_found, [str(torn_file), "line 1"]),
        (task("half a pair in a file", half.environment()), not_found, [str(half_file), "secretId is missing"]),
        (task("INI without a section", ini.environment()), not_found, [str(ini_file), "line 1"]),
        (task("no such section", section.environment(), profile="deploy"), not_found, [str(section_file), "[deploy]"]),
        (task("a folder for a file", folder.environment()), not_found, ["default.credential", "Is a directory"]),
        (
            task("half a pair", bare.environment(keep=ENVIRONMENT), secret_id="AKID"),
            not_found,
            ["secret_key is missing"],
        ),
        (
            task("half an environment", bare.environment(keep=["TENCENTCLOUD_SECRET_KEY"])),
            not_found,
            ["TENCENTCLOUD_SECRET_ID is missing"],
        ),
        (
            task("expired token", bare.environment(keep=[*ENVIRONMENT, "TENCENTCLOUD_TOKEN"])),
            "AuthFailure.TokenFailure",
            ["get new ones"],
        ),
        (
            task("closed role", bare.environment(keep=ENVIRONMENT), role_arn=CLOSED_ROLE),
            "UnauthorizedOperation",
            [CLOSED_ROLE, "sts:AssumeRole"],
        ),
        (task("empty token file", bare.environment(empty)), not_found, [empty["TKE_WEB_IDENTITY_TOKEN_FILE"], "empty"]),
        (task("no token file", bare.environment(missing)), not_found, [missing["TKE_WEB_IDENTITY_TOKEN_FILE"]]),
        (task("part of a pod", bare.environment({**pod, "TKE_PROVIDER_ID": ""})), not_found, ["TKE_PROVIDER_ID"]),
        (
            task(
                "wrong key",
                bare.environment(),
                secret_id=key_id("option"),
                secret_key="{{ lookup('env', 'WRONG_KEY') }}",
            ),
            "AuthFailure.SignatureFailure",
            ["Check secret_key"],
        ),
    ]


def test_bad_credentials(playbook, emulator, failures):
    with_token = {**ENVIRONMENT, "TENCENTCLOUD_TOKEN": EXPIRED_TOKEN, "WRONG_KEY": "wrOngsEcReT"}
    run = playbook(play(*(each for each, _, _ in failures)), "-vvvv", environment=with_token)

    for each, code, named in failures:
        result = run.result(each["name"])
        assert run.task(each["name"]).status == "failed"
        assert result["error"]["code"] == code, result
        assert not [text for text in named if text not in result["msg"]], result["msg"]
        assert "Traceback" not in str(result)
    assert "sEcReT" not in run.output
    assert "Traceback" not in run.output
    assert not [call for call in emulator.calls() if call["accepted"]]


def clock(name: str) -> dict[str, Any]:
    return {"name": name, "ansible.builtin.debug": {"msg": "{{ now().timestamp() }}"}}


@pytest.mark.parametrize(
    "fault, told",
    [
        (None, "can't be reached"),
        ({"action": "MetadataRole", "kind": "hang", "seconds": 60}, "no answer in time"),
        ({"action": "MetadataCredentials", "kind": "hang", "seconds": 60}, "no answer in time"),
    ],
    ids=["nothing", "hangs", "hangs later"],
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
