# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.tencentcloud.clb.plugins.module_utils import _module
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply import writer
from ansible_collections.tencentcloud.clb.plugins.module_utils._apply.writer import Pacing
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Backoff
from ansible_collections.tencentcloud.clb.plugins.module_utils._module import ClbModule
from ansible_collections.tencentcloud.clb.plugins.module_utils._tasks.report import empty_result
from ansible_collections.tencentcloud.clb.plugins.modules import targets
from clb_emulator.testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..builders import Raw

SCENARIO: Raw = {
    "task_seconds": 0.01,
    "rate_limit": 0,
    "instances": {"ins-a": {"ip": "10.0.0.1"}, "ins-b": {"ip": "10.0.0.2"}},
    "load_balancers": [
        {
            "id": "lb-demo",
            "name": "demo",
            "listeners": [
                {
                    "id": "lbl-tcp",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [
                        {"instance_id": "ins-a", "port": 80, "tag": "blue"},
                        {"instance_id": "ins-b", "port": 80, "weight": 0},
                    ],
                },
                {
                    "id": "lbl-http",
                    "protocol": "HTTP",
                    "port": 80,
                    "rules": [
                        {
                            "id": "loc-1",
                            "domain": "a.example.com",
                            "url": "/",
                            "targets": [{"eni_ip": "2001:db8::1", "port": 80}],
                            "function_targets": [{"Function": {"FunctionName": "f"}, "Weight": 10}],
                        },
                        {"id": "loc-2", "domain": "b.example.com", "url": "/"},
                    ],
                },
            ],
        }
    ],
}
SOON = Backoff(0.02, 0.05, 1.5)
FAST = Pacing(0.03, SOON, SOON, SOON, SOON, busy=0.01, busy_spread=0.02, busy_maximum=0.05, settle=0.3)
TCP: Raw = {"listener_id": "lbl-tcp", "port": 80}
RULE: Raw = {"listener_port": 80, "domain": "A.example.com", "url": "/", "port": 80}


@pytest.fixture(scope="module")
def server() -> Iterator[Emulator]:
    with Emulator(SCENARIO) as running:
        yield running


@pytest.fixture
def cloud(server: Emulator) -> Emulator:
    server.load(SCENARIO)
    return server


@pytest.fixture
def run(
    cloud: Emulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., dict[str, Any]]:
    """Run the module in this process and return what it prints, and its warnings."""
    for name, value in cloud.environ().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(writer, "PACING", FAST)
    warned: list[str] = []
    # AnsibleModule.warn prints at once, where another test of this process has loaded the code of the controller.
    monkeypatch.setattr(ClbModule, "warn", lambda _self, text: warned.append(text))

    def run(
        *entries: Raw, check: bool = False, diff: bool = True, verbosity: int = 0, **options: Any
    ) -> dict[str, Any]:
        warned.clear()
        arguments = {
            "load_balancer_id": "lb-demo",
            "targets": list(entries),
            **options,
            "_ansible_check_mode": check,
            "_ansible_diff": diff,
            "_ansible_verbosity": verbosity,
            "_ansible_remote_tmp": "/tmp",
            "_ansible_keep_remote_files": False,
        }
        given = {key: value for key, value in arguments.items() if value is not None}
        with patch_module_args(given), pytest.raises(SystemExit):
            targets.main()
        printed: dict[str, Any] = json.loads(capsys.readouterr().out)
        return {**printed, "warned": list(warned)}

    return run


CASES: dict[str, tuple[list[Raw], Raw]] = {
    "register": ([{**TCP, "instance_id": "ins-c"}, {**RULE, "ip": "10.0.0.9", "tag": "grün"}], {}),
    "in place": ([{**TCP, "instance_id": "ins-a", "weight": 3, "tag": ""}, {**TCP, "eni_ip": "10.0.0.2"}], {}),
    "IPv6 in another spelling": ([{**RULE, "eni_ip": "2001:DB8:0:0::1", "weight": 2}], {}),
    "purge": ([{**TCP, "instance_id": "ins-c"}, {**RULE, "eni_ip": "10.0.0.9"}], {"purge": True}),
    "purge and health": ([{**TCP, "instance_id": "ins-c"}], {"purge": True, "wait_for_health": True, "min_healthy": 1}),
    "absent": ([{"instance_id": "ins-a"}, {"domain": "a.example.com"}], {"state": "absent"}),
    "drained": ([{"listener_id": "lbl-tcp"}, {"location_id": "loc-1"}], {"state": "drained"}),
    "nothing": ([{**TCP, "instance_id": "ins-a"}], {}),
    "by name": ([{**TCP, "instance_id": "ins-c"}], {"load_balancer_id": None, "load_balancer_name": "demo"}),
    "no wait": ([{**TCP, "instance_id": "ins-c"}], {"wait": False}),
}


@pytest.mark.parametrize("entries, options", CASES.values(), ids=CASES)
def test_check_mode_predicts_the_real_run_and_a_second_run_changes_nothing(
    cloud: Emulator, run: Callable[..., dict[str, Any]], entries: list[Raw], options: Raw
) -> None:
    before = cloud.bindings()
    dry = run(*entries, check=True, **options)
    assert cloud.bindings() == before
    assert not any(call["action"].startswith("Batch") for call in cloud.calls())
    real = run(*entries, **options)
    for result in (dry, real):
        assert "failed" not in result, result["msg"]
        assert result["error"] is None
        del result["api_calls"], result["request_ids"]
    assert dry == real
    for _ in range(100):
        # After wait: false, the promise holds once the cloud is done.
        if len(cloud.bindings()) == len(before) + len(real["registered"]) - len(real["deregistered"]):
            break
        time.sleep(0.01)
    again = run(*entries, **options)
    assert again["changed"] is False
    assert {one for one in again["api_calls"] if one.startswith("Batch")} == set()


def test_calls_are_counted(cloud: Emulator, run: Callable[..., dict[str, Any]]) -> None:
    result = run({**TCP, "instance_id": "ins-c"})
    assert result["api_calls"] == {"DescribeTargets": 2, "BatchRegisterTargets": 1}
    assert sum(result["api_calls"].values()) == len(cloud.calls())
    assert len(result["request_ids"]) == 1


def test_outside_diff_mode_there_is_no_diff(run: Callable[..., dict[str, Any]]) -> None:
    assert not run({**TCP, "instance_id": "ins-c"}, diff=False)["diff"]


def test_the_source_of_the_credentials_is_told_with_vvv_only(run: Callable[..., dict[str, Any]]) -> None:
    entry = {**TCP, "instance_id": "ins-a"}
    assert "credentials_source" not in run(entry, verbosity=2)
    assert run(entry, verbosity=3)["credentials_source"]


def test_warnings_reach_the_user(run: Callable[..., dict[str, Any]]) -> None:
    result = run({"listener_id": "lbl-no"}, state="absent")
    assert result["changed"] is False
    assert len(result["warned"]) == 1
    assert "there is no listener 'lbl-no'" in result["warned"][0]


@pytest.mark.parametrize(
    "options, words",
    [
        ({"targets": None}, "missing required arguments: targets"),
        ({"targets": [{**TCP, "instance_id": "ins-c", "wieght": 3}]}, "wieght"),
        ({"targets": [{**TCP, "instance_id": "ins-c", "weight": 101}]}, "weight 101 is not"),
        ({"state": "gone"}, "state"),
        ({"load_balancer_name": "demo"}, "load_balancer_id and load_balancer_name are given"),
        ({"endpoint": "http://clb.example.com"}, "http"),
    ],
)
def test_bad_options_fail_with_every_key_and_without_a_call(
    cloud: Emulator, run: Callable[..., dict[str, Any]], options: Raw, words: str
) -> None:
    result = run(**{"targets": [{**TCP, "instance_id": "ins-c"}], **options})
    assert result["failed"]
    assert words in result["msg"]
    assert result.keys() >= empty_result().keys()
    assert (result["error"]["code"], result["changed"]) == ("InvalidArgument", False)
    assert cloud.calls() == []


def test_a_refused_target_fails_the_task_and_the_others_are_bound(
    cloud: Emulator, run: Callable[..., dict[str, Any]]
) -> None:
    cloud.add_faults(
        {
            "action": "BatchRegisterTargets",
            "kind": "refuse_targets",
            "targets": ["ins-bad"],
            "times": -1,
            "code": "InvalidParameter",
            "message": "no such host",
        }
    )
    result = run(*({**TCP, "instance_id": one} for one in ("ins-c", "ins-bad", "ins-d")))
    assert (result["failed"], result["changed"]) == (True, True)
    assert "no such host" in result["msg"]
    assert [(one["instance_id"], one["code"]) for one in result["failed_targets"]] == [("ins-bad", "InvalidParameter")]
    assert {one["instance_id"] for one in result["registered"]} == {"ins-c", "ins-d"}
    assert result["failed_listeners"] == ["lbl-tcp"]
    cloud.clear_faults()
    again = run(*result["failed_targets"])
    assert ([one["instance_id"] for one in again["registered"]], again["failed_targets"]) == (["ins-bad"], [])


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "torn"])
def test_a_call_with_an_unknown_outcome_is_read_back(
    cloud: Emulator, run: Callable[..., dict[str, Any]], kind: str
) -> None:
    cloud.add_faults({"action": "BatchRegisterTargets", "kind": kind, **({"apply": True} if kind == "torn" else {})})
    result = run({**TCP, "instance_id": "ins-c"})
    assert "failed" not in result
    assert result["changed"]
    actions = [call["action"] for call in cloud.calls()]
    first = actions.index("BatchRegisterTargets")
    assert actions[first + 1] == "DescribeTargets"
    assert actions.count("BatchRegisterTargets") == (2 if kind == "cut_before" else 1)


def test_secrets_are_in_no_result(cloud: Emulator, run: Callable[..., dict[str, Any]]) -> None:
    cloud.add_faults(
        {"action": "*", "kind": "error", "code": "AuthFailure.SignatureFailure", "message": cloud.secret_key}
    )
    result = run({**TCP, "instance_id": "ins-c"}, secret_id=cloud.secret_id, secret_key=cloud.secret_key)
    assert result["failed"]
    assert "Check secret_key" in result["msg"]
    assert cloud.secret_key not in str(result)


def test_without_requests_the_module_says_what_is_missing(
    run: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_module, "REQUESTS_ERROR", ImportError("No module named 'requests'"))
    result = run({**TCP, "instance_id": "ins-c"})
    assert result["failed"]
    assert "requests" in result["msg"]
    assert result.keys() >= empty_result().keys()


@pytest.mark.parametrize("option", ["endpoint", "sts_endpoint"])
def test_a_password_in_an_endpoint_is_masked_where_ansible_shows_the_options(option: str) -> None:
    # Up to ansible-core 2.20, results carry the options of the task.
    with patch_module_args({option: "https://me:hunter2hunter2@clb.example.com", "targets": []}):
        module = ClbModule(targets.ARGUMENT_SPEC, empty_result)
    assert "hunter2hunter2" in module.no_log_values
