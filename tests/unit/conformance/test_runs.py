# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whole runs: of the emulator, of a load balancer that is named, interrupted ones; what their reports keep secret."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.testing import Emulator
from conformance.__main__ import REPORT, STATE, TABLE, Waiting, ask_cloud, main, parse
from conformance.asker import FIRST_PORT, members
from conformance.calls import WEIGHT, Unusable
from conformance.collection import CollectionApi
from conformance.leftovers import MARK, Bound, Leftovers
from conformance.masking import Mask
from conformance.questions import QUESTIONS
from conformance.report import as_markdown, merge
from conformance.world import EMULATED, EMULATED_BACKENDS, EMULATED_ID

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

NAMED = {"CONFORMANCE_LOAD_BALANCER": EMULATED_ID, "CONFORMANCE_BACKENDS": ",".join(EMULATED_BACKENDS)}
NAMED["CONFORMANCE_YES"] = "1"


class Asked:
    """An emulator that is asked as any other endpoint, on its clock, into a folder."""

    def __init__(self, emulator: Emulator, clock: Waiting, folder: Path) -> None:
        self.emulator, self.clock, self.folder = emulator, clock, folder

    def ask(self, **more: str) -> int:
        environ = {**self.emulator.environ(), **NAMED, "CONFORMANCE_FOLDER": str(self.folder), **more}
        options = parse(environ)
        return ask_cloud(options, CollectionApi(environ, options.timeout, self.clock), environ)

    def report(self) -> Any:
        return json.loads((self.folder / REPORT).read_text())


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    clock = Waiting()
    with Emulator(EMULATED, clock=clock, rate_limit=5) as emulator:
        yield Asked(emulator, clock, tmp_path)


def test_the_emulator_is_like_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main({"CONFORMANCE_FOLDER": str(tmp_path)}) == 0
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["summary"] == {"same": len(QUESTIONS), "differs": 0, "not asked": 0}
    assert (report["settings"], report["endpoint"], len(QUESTIONS) >= 25) == ({}, "the emulator", True)
    assert f"{len(QUESTIONS)} same, 0 differs, 0 not asked." in capsys.readouterr().out
    assert not (tmp_path / STATE).exists()


def test_a_named_load_balancer_is_asked_slowly_and_left_as_it_was(asked: Asked) -> None:
    asked.emulator.configure(batch_is_task=False, limits="exclusive")
    assert asked.ask() == 0
    report = asked.report()
    assert (report["summary"]["not asked"], report["settings"]["batch_is_task"]) == (0, False)
    assert (report["settings"]["limits"]["targets"], asked.emulator.bindings()) == (499, set())
    assert {call["outcome"] for call in asked.emulator.calls()}.isdisjoint({"RequestLimitExceeded"})
    times = sorted(call["time"] for call in asked.emulator.calls())
    assert all(later - first > 0.999 for first, later in zip(times, times[5:], strict=False))


def test_what_has_a_binding_is_refused(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    for place in ({"ListenerId": "lbl-udp"}, {"ListenerId": "lbl-http", "LocationId": "loc-idn", "Tag": "blue"}):
        target = {**place, "InstanceId": "ins-one", "Port": 80}
        asked.emulator.bind(EMULATED_ID, target)
        assert (asked.ask(), len(asked.emulator.bindings())) == (2, 1)
        assert "something is bound to lb-conformance" in capsys.readouterr().err
        asked.emulator.unbind(EMULATED_ID, target)
    assert not any(call["action"].startswith("Batch") for call in asked.emulator.calls())


def test_what_a_killed_run_has_left_is_known_by_its_tag(asked: Asked) -> None:
    rule = {"ListenerId": "lbl-http", "LocationId": "loc-idn"}
    for target in ({"ListenerId": "lbl-tcp", "EniIp": "10.0.0.5"}, {**rule, "EniIp": "2001:db8::5"}):
        asked.emulator.bind(EMULATED_ID, {**target, "Port": FIRST_PORT, "Tag": f"{MARK}-2"})
    assert asked.ask(CONFORMANCE_MINUTES="0.01") == 1
    assert (asked.emulator.bindings(), asked.report()["ended_early"]) == (set(), "the time is up")


def end_once_bound(emulator: Emulator, folder: Path, number: signal.Signals) -> tuple[int, str]:
    """Start a run in a process of its own, and end it once it has bound something; return its status and output."""
    own = {"PYTHONPATH": os.pathsep.join(sys.path), "CONFORMANCE_FOLDER": str(folder)}
    with subprocess.Popen(
        [sys.executable, "-m", "conformance"],
        env={**os.environ, **emulator.environ(), **NAMED, **own},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Who runs tests in the background of a shell ignores interrupts, and so would the run.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no other thread is at work
    ) as run:
        deadline = time.monotonic() + 60
        while not emulator.bindings():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        run.send_signal(number)
        output, _ = run.communicate(timeout=60)
    return run.returncode, output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_cleans_up_and_reports(tmp_path: Path, number: signal.Signals) -> None:
    with Emulator(EMULATED) as emulator:
        status, output = end_once_bound(emulator, tmp_path, number)
        assert (status, emulator.bindings()) == (130, set()), output
    report = json.loads((tmp_path / REPORT).read_text())
    assert report["ended_early"] == "the run was interrupted"
    assert ("Traceback" in output, (tmp_path / STATE).exists()) == (False, False)


def test_a_killed_run_is_cleaned_up_by_the_next_one(asked: Asked) -> None:
    state = asked.folder / STATE
    with Emulator(EMULATED) as killed:
        end_once_bound(killed, asked.folder, signal.SIGKILL)
        left = killed.bindings()
    # The load balancer is another, the place has to be the same.
    place = {"place": [asked.emulator.host, "ap-guangzhou", EMULATED_ID]}
    state.write_text(json.dumps({**json.loads(state.read_text()), **place}))
    for listener, location, target, port, weight, _tag in left:
        names = {"ListenerId": listener, **({"LocationId": location} if location else {})}
        # Not even the tag tells whose it is.
        asked.emulator.bind(EMULATED_ID, {**names, "InstanceId": target, "Port": port, "Weight": weight})
    assert left
    assert asked.ask(CONFORMANCE_MINUTES="0.01") == 1
    assert (asked.emulator.bindings(), state.exists()) == (set(), False)


LISTENER = {"ListenerId": "lbl-1", "Protocol": "TCP", "Port": 1, "Rules": None, "Targets": []}
CODES = ("AuthFailure.SecretIdNotFound", "RequestLimitExceeded", "InternalError", "InvalidParameter")
ALIKE: tuple[dict[str, Any], ...] = (
    {"kind": "html"},
    *({"kind": "http", "status": status} for status in (429, 500)),
    *({"kind": "raw", "body": body} for body in ('{"Response": {"Listeners": [', {"Response": []})),
    {"kind": "raw", "body_base64": "/wCA"},
    *({"kind": "raw", "response": {"Listeners": each}} for each in ([1, None, {"Targets": 5}], [LISTENER])),
    {"kind": "raw", "response": {}},
    *({"kind": "error", "code": code} for code in CODES),
    {"kind": "hang", "seconds": 1},
)


@pytest.mark.parametrize("fault", ALIKE, ids=str)
def test_a_server_that_answers_everything_alike(asked: Asked, capsys: Any, fault: dict[str, Any]) -> None:
    asked.emulator.add_faults({**fault, "times": -1})
    assert asked.ask(CONFORMANCE_TIMEOUT="0.2" if fault["kind"] == "hang" else "15") in (1, 2)
    report = asked.report()
    assert sum(report["summary"].values()) == len(QUESTIONS)
    assert all(item["reason"] for item in report["questions"] if item["result"] == "not asked")
    assert "| question |" in (asked.folder / TABLE).read_text()
    assert "Traceback" not in capsys.readouterr().err


def test_a_state_of_another_load_balancer(tmp_path: Path) -> None:
    file = tmp_path / STATE
    leftovers = Leftovers(file, ["host", "region", "lb-1"])
    leftovers.add([Bound("lbl-1", None, "10.0.0.5", 80), Bound("lbl-1", "loc-1", "10.0.0.5", 80)])
    again = Leftovers(file, ["host", "region", "lb-1"])
    assert (again.recall(), again.pending) == (True, leftovers.pending)
    with pytest.raises(Unusable, match="lb-1: run this on the same load balancer again"):
        Leftovers(file, ["host", "region", "lb-2"]).recall()
    for wrong in ("", "[]", "{}", '{"bound": [1]}'):
        file.write_text(wrong)
        with pytest.raises(Unusable, match="can't be read"):
            Leftovers(file, ["host", "region", "lb-1"]).recall()


@pytest.mark.parametrize(
    "environ, message",
    [
        ({"CONFORMANCE_LOAD_BALANCER": "shop"}, "must be an ID"),
        ({"CONFORMANCE_LOAD_BALANCER": "lb-1"}, "must name 1 to 8 backends"),
        ({"CONFORMANCE_BACKENDS": "10.0.0.5"}, "needs CONFORMANCE_LOAD_BALANCER"),
        ({**NAMED, "CONFORMANCE_BACKENDS": "web-1"}, "'web-1' is no IP address"),
        ({**NAMED, "CONFORMANCE_BACKENDS": "2001:db8::1"}, "at least one backend"),
        ({**NAMED, "CONFORMANCE_MINUTES": "long"}, "CONFORMANCE_MINUTES is 'long'"),
        ({**NAMED, "CONFORMANCE_TIMEOUT": "-1"}, "CONFORMANCE_TIMEOUT is '-1'"),
        ({"CONFORMANCE_FOLDER": "/nowhere"}, "there is no such folder"),
        (NAMED, "secret_id"),
    ],
)
def test_a_run_that_can_not_begin(environ: Mapping[str, str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = {"TENCENTCLOUD_METADATA_URL": "http://127.0.0.1:9/", "TENCENTCLOUD_CLB_ENDPOINT": "http://127.0.0.1:9"}
    assert main({**nowhere, "TENCENTCLOUD_REGION": "ap-guangzhou", **environ}) == 2
    assert message in capsys.readouterr().err


def test_nothing_begins_without_a_yes(asked: Asked, capsys: pytest.CaptureFixture[str]) -> None:
    own = {"CONFORMANCE_FOLDER": str(asked.folder), "CONFORMANCE_YES": ""}
    assert main({**asked.emulator.environ(), **NAMED, **own}) == 2
    printed = capsys.readouterr()
    assert "CONFORMANCE_YES=1" in printed.err
    for said in (EMULATED_ID, "10.0.0.5", "at most 5 requests a second", "minutes"):
        assert said in printed.out
    assert asked.emulator.calls() == []


RULES = [{"id": "loc-ford", "domain": "prefect.Betelgeuse.example", "url": "/towel"}]
LISTENERS = [
    {"id": "lbl-trillian", "name": "Trillian", "protocol": "TCP", "port": 443},
    {"id": "lbl-marvin", "name": "marvin's tcp", "protocol": "HTTP", "port": 80, "rules": RULES},
]
TELLING = {"id": "lb-zaphodsecret", "name": "Zaphod Beeblebrox Inc.", "vip": "198.51.100.42", "vpc_id": "vpc-magrathea"}
INSTANCES = {"ins-arthurdent": {"ip": "10.42.0.1", "name": "Slartibartfast", "zone": "ap-krikkit-7"}}
NAMES = """
zaphod beeblebrox secret magrathea trillian marvin ford prefect betelgeuse towel arthurdent 10.42. 198.51.100
slartibart krikkit deepthought vogon 100000000001 2001:db8:42
"""


def test_a_report_tells_nothing_of_the_account(tmp_path: Path) -> None:
    """Not even where texts of the cloud name it, in words that occur nowhere else."""
    key = {"secret_id": "AKIDzaphodbeeblebrox", "secret_key": "deepthoughtdeepthought", "token": "vogonvogonvogonvogon"}
    faults = [
        {"action": "DescribeLoadBalancersDetail", "kind": "error", "code": "UnauthorizedOperation", "times": -1,
         "message": "Vogon of qcs::clb:ap-krikkit-7:uin/100000000001 may not read Trillian (vogon@Betelgeuse.example)"},
        {"action": "BatchModifyTargetTag", "kind": "error", "code": "Zaphod.Secret", "times": -1, "message": "Vogon"},
        {"action": "DescribeTaskStatus", "kind": "raw", "patch": {"Owner": "Vogon", "vogon": [1, {"Name": "Vogon"}],
         "Message": "Vogon", "Uin": 100000000001}, "times": -1},
    ]  # fmt: skip
    balancers, clock = [{**TELLING, "listeners": LISTENERS}], Waiting()
    world = {"credentials": [key], "load_balancers": balancers, "instances": INSTANCES, "faults": faults}
    with Emulator(world, clock=clock, rate_limit=0) as emulator:
        asked = Asked(emulator, clock, tmp_path)
        given = {"CONFORMANCE_LOAD_BALANCER": "lb-zaphodsecret", "CONFORMANCE_BACKENDS": "10.42.0.1,2001:db8:42::1"}
        assert (asked.ask(**given), emulator.bindings()) == (0, set())
    for file in (REPORT, TABLE):
        text = (tmp_path / file).read_text().lower()
        assert [name for name in (*NAMES.split(), emulator.host) if name in text] == []
    report = asked.report()
    assert report["summary"]["same"] > 30
    (reason,) = {item["reason"] for item in report["questions"] if item["name"] == "empty-quic"}
    assert reason == "the load balancer has no QUIC listener"


def test_what_a_mask_leaves() -> None:
    mask = Mask(["lb-1", "backend server"])
    assert mask.words("The backend server is busy") == "The <...> is busy", "common words, but a name"
    assert mask.words("The load balancer `lb-1` is not found.") == "The load balancer `<...>` is not found."
    assert mask.words("Check failed: 127.0.0.1, app-7, 12345, 100") == "Check failed: <...>, <...>, <...>, 100"
    masked = mask.answer({"a": ["InvalidParameter.LBIdNotFound", 5, None, "Shop.Secret"]})
    assert masked == {"a": ["InvalidParameter.LBIdNotFound", 5, None, "<...>"]}
    assert mask.value({"Weight": 7, "ProjectId": 7, "Type": "CVM", "Odd": 0.5, "shop": 1, "Ids": [1] * 9}) == {
        "Weight": 7, "ProjectId": "number", "Type": "CVM", "Odd": "number", "Ids": [*["number"] * 5, "... 9 in all"],
    }  # fmt: skip


def test_a_table_is_whole_whatever_is_in_it() -> None:
    item = {"name": "x", "asks": "x", "result": "differs", "emulator": {"a": True}, "here": "a|b\n<i>`", "reason": ""}
    report = {"endpoint": "x", "region": "x", "date": "x", "collection": "x", "summary": {"differs": 1}}
    table = as_markdown({**report, "questions": [item], "settings": {"order": "random"}})
    assert "| x (`x`) | a: yes | a\\|b &lt;i>' | differs |" in table
    assert "- `order`: random" in table


def test_settings_of_several_answers() -> None:
    parts: list[dict[str, Any]] = [{"a": 1, "c": {"x": 1}, "s": ["b"]}, {"a": 2, "c": {"x": 2, "y": 3}, "s": ["a"]}]
    assert merge(parts) == {"a": 1, "c": {"x": 1, "y": 3}, "s": ["a", "b"]}


def test_members_of_a_change_are_grouped_by_place() -> None:
    targets = [{"ListenerId": "lbl-1", "EniIp": "10.0.0.5", "Port": port} for port in (1, 2)]
    (entry,) = members(WEIGHT, targets)["ModifyList"]
    assert [target["Port"] for target in entry["Targets"]] == [1, 2]
