# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The event source ``health`` against the emulator."""

from __future__ import annotations

import asyncio
import importlib.util
import logging
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _health_watch
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._health_watch import WATCH_SPEC, HealthWatch
from clb_emulator.testing import Emulator
from harness import Cloud

ROOT = Path(__file__).parents[3]
SOURCE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "health.py"
WORLD = {
    "instances": {"ins-1": {"ip": "10.0.1.11", "name": "web-1"}, "ins-2": {"ip": "10.0.1.12"}},
    "load_balancers": [
        {
            "id": "lb-1",
            "name": "shop",
            "listeners": [
                {
                    "id": "lbl-1",
                    "protocol": "TCP",
                    "port": 443,
                    "targets": [
                        {"instance_id": "ins-1", "port": 8443, "weight": 10},
                        {"instance_id": "ins-2", "port": 8443, "weight": 0},
                    ],
                },
                {
                    "id": "lbl-2",
                    "protocol": "HTTP",
                    "port": 80,
                    "rules": [
                        {
                            "id": "loc-1",
                            "domain": "shop.example.com",
                            "url": "/",
                            "targets": [{"eni_ip": "10.0.9.9", "port": 80, "weight": 5}],
                        }
                    ],
                },
            ],
        },
        {
            "id": "lb-2",
            "name": "api",
            "tags": {"env": "prod"},
            "listeners": [
                {"id": "lbl-9", "protocol": "TCP", "port": 80, "targets": [{"instance_id": "ins-1", "port": 80}]}
            ],
        },
    ],
}
REFUSED = {"action": "DescribeTargetHealth", "kind": "error", "code": "UnauthorizedOperation", "message": "no right"}


@pytest.fixture(scope="module")
def _world():
    with Emulator(WORLD) as running:
        yield running


@pytest.fixture
def emulator(_world, monkeypatch):
    _world.load(WORLD)
    for name, value in _world.environ().items():
        monkeypatch.setenv(name, value)
    return _world


@pytest.fixture
def watch(emulator):
    """Make a watch of lb-1, or of what the options say."""

    def make(**options):
        return HealthWatch(options or {"load_balancer_id": "lb-1"}, os.environ)

    return make


def changes(poll):
    """Backend, status before and status after of each event."""
    events = [event["clb_health"] for event in poll.events]
    return [(one["instance_id"] or one["eni_ip"], one["health_before"], one["health_after"]) for one in events]


def test_nothing_is_told_of_targets_that_are_healthy_and_stay_so(watch):
    watching = watch()

    assert [watching.poll().events for _ in range(2)] == [[], []]


def test_a_target_that_turns_dead_is_told_once_with_all_that_names_it(watch, emulator):
    watching = watch()
    watching.poll()
    emulator.set_health(dead=["ins-1"])

    first, second = watching.poll(), watching.poll()

    (event,) = first.events
    assert {**event["clb_health"], "registered_time": None, "zone": None} == {
        "region": "ap-guangzhou",
        "load_balancer_id": "lb-1",
        "listener_id": "lbl-1",
        "listener_protocol": "TCP",
        "listener_port": 443,
        "location_id": None,
        "domain": None,
        "url": None,
        "instance_id": "ins-1",
        "eni_ip": None,
        "port": 8443,
        "weight": 10,
        "tag": "",
        "private_ips": ["10.0.1.11"],
        "instance_name": "web-1",
        "type": "CVM",
        "zone": None,
        "registered_time": None,
        "health_before": "Alive",
        "health_after": "Dead",
        "healthy": False,
    }
    assert second.events == []


def test_a_target_of_a_rule_that_recovers_is_told(watch, emulator):
    emulator.set_health(dead=["10.0.9.9"])
    watching = watch()
    watching.poll()
    emulator.set_health(alive=["10.0.9.9"])

    (event,) = watching.poll().events

    health = event["clb_health"]
    assert (health["listener_id"], health["location_id"], health["domain"]) == ("lbl-2", "loc-1", "shop.example.com")
    assert (health["health_before"], health["health_after"], health["healthy"]) == ("Dead", "Alive", True)


def test_what_is_dead_at_the_first_read_is_told(watch, emulator):
    emulator.set_health(dead=["ins-2"])

    assert changes(watch().poll()) == [("ins-2", None, "Dead")]


def test_a_target_that_is_bound_later_is_told_only_where_it_is_not_healthy(watch, emulator):
    watching = watch()
    watching.poll()
    emulator.set_health(dead=["10.0.9.11"])
    emulator.bind(
        "lb-1",
        {"ListenerId": "lbl-1", "EniIp": "10.0.9.10", "Port": 80},
        {"ListenerId": "lbl-1", "EniIp": "10.0.9.11", "Port": 80},
    )

    assert changes(watching.poll()) == [("10.0.9.11", None, "Dead")]


def test_a_target_that_was_unbound_meanwhile_starts_anew(watch, emulator):
    target = {"ListenerId": "lbl-1", "InstanceId": "ins-1", "Port": 8443}
    emulator.set_health(dead=["ins-1"])
    watching = watch()
    watching.poll()
    emulator.unbind("lb-1", target)
    gone = watching.poll()
    emulator.bind("lb-1", target)

    assert gone.events == []
    assert changes(watching.poll()) == [("ins-1", None, "Dead")]


GAPS = {
    "target": lambda listeners, number: listeners[number]["Rules"][0].update(Targets=[]),
    "rule": lambda listeners, number: listeners[number].update(Rules=[]),
    "listener": lambda listeners, number: listeners.pop(number),
    "all listeners": lambda listeners, _number: listeners.clear(),
    "load balancer": "InvalidParameter.LBIdNotFound",
    "right": "UnauthorizedOperation",
    "read": "AuthFailure",
    "health": None,
}
"""What reads leave out of lb-1 -> a change of its listeners, the code with which it is refused, or None."""


def leave_out(cloud, gap, reads):
    """Leave something out of the next reads of lb-1."""
    left = [reads]

    def alter(answer):
        listeners = answer["Response"].get("Listeners", [])
        numbers = [number for number, listener in enumerate(listeners) if listener["ListenerId"] == "lbl-2"]
        if numbers and left[0]:
            left[0] -= 1
            if isinstance(GAPS[gap], str):
                return {"Response": {"Error": {"Code": GAPS[gap], "Message": "no"}, "RequestId": "r-1"}}
            GAPS[gap](listeners, *numbers)
        return answer

    if GAPS[gap] is None:
        nothing = {"Response": {"LoadBalancers": [], "RequestId": "r-1"}}
        cloud.alter("DescribeTargetHealth", lambda _answer: nothing, times=reads)
    else:
        cloud.alter("DescribeTargets", alter)


def watch_9_9(gap, *health, reads):
    """Watch a target whose health is as given at the first and at the last read, with a gap between them."""
    cloud = Cloud(WORLD)
    with cloud.inside() as environ:
        watching = HealthWatch({"all_load_balancers": True}, environ)
        cloud.change("health", {health[0]: ["10.0.9.9"]})
        polls = [watching.poll()]
        leave_out(cloud, gap, reads)
        polls += [watching.poll() for _ in range(reads)]
        cloud.change("health", {health[1]: ["10.0.9.9"]})
        return [*polls, watching.poll()]


@pytest.mark.parametrize("reads", [1, 3])
@pytest.mark.parametrize("before, after", [("dead", "dead"), ("dead", "alive"), ("alive", "dead"), ("alive", "alive")])
@pytest.mark.parametrize("gap", GAPS)
def test_what_reads_leave_out_is_compared_with_what_was_known_last(gap, before, after, reads):
    first, *silent, last = watch_9_9(gap, before, after, reads=reads)

    assert changes(first) == ([("10.0.9.9", None, "Dead")] if before == "dead" else [])
    assert not [event for poll in silent for event in poll.events if "clb_health" in event]
    assert changes(last) == ([] if before == after else [("10.0.9.9", before.title(), after.title())])


@pytest.mark.parametrize("gap, kept", [("target", False), ("listener", False), ("right", True), ("health", True)])
def test_only_what_is_missing_for_long_where_it_would_be_read_is_forgotten(gap, kept):
    polls = watch_9_9(gap, "dead", "dead", reads=_health_watch.MAX_MISSED)

    assert changes(polls[-1]) == ([] if kept else [("10.0.9.9", None, "Dead")])


def test_a_target_that_is_bound_again_and_healthy_has_recovered(watch, emulator):
    target = {"ListenerId": "lbl-1", "InstanceId": "ins-1", "Port": 8443}
    emulator.set_health(dead=["ins-1"])
    watching = watch()
    watching.poll()
    emulator.unbind("lb-1", target)
    watching.poll()
    emulator.set_health(alive=["ins-1"])
    emulator.bind("lb-1", target)

    assert changes(watching.poll()) == [("ins-1", "Dead", "Alive")]


def test_a_stopped_listener_is_told_although_the_cloud_has_one_word_for_two_things(watch, emulator):
    emulator.load({**WORLD, "health": {"closed_listeners": ["lbl-1"]}})
    watching = watch(load_balancer_id="lb-1", targets=[{"listener_id": "lbl-1"}])
    watching.poll()
    emulator.change("stop_listener", {"load_balancer_id": "lb-1", "listener_id": "lbl-1"})

    told = [event["clb_health"] for event in watching.poll().events]

    assert [(one["health_after"], one["healthy"]) for one in told] == [("Close", False)] * 2


@pytest.mark.parametrize("shape", ["lacks", "null", "empty", "other", "no_listeners"])
def test_an_answer_that_does_not_mention_a_target_changes_nothing(watch, emulator, shape):
    watching = watch()
    watching.poll()
    emulator.set_health(dead=["ins-1"])
    emulator.add_faults(
        {"action": "DescribeTargetHealth", "kind": "health_answer", "shape": shape, "targets": ["ins-1"]}
    )

    assert changes(watching.poll()) == []
    assert changes(watching.poll()) == [("ins-1", "Alive", "Dead")]


@pytest.mark.parametrize(
    "name, told",
    [
        ("{{ lookup('pipe', 'id') }}", "{ { lookup('pipe', 'id') }}"),
        ("{% x %} {# y #}", "{ % x %} { # y #}"),
        ("{{{", "{ { {"),
        ("{web}", "{web}"),
    ],
)
def test_no_text_of_an_event_is_an_expression(watch, emulator, name, told):
    emulator.load({**WORLD, "instances": {**WORLD["instances"], "ins-1": {"ip": "10.0.1.11", "name": name}}})
    emulator.set_health(dead=["ins-1"])
    watching = watch()
    (event,) = watching.poll().events
    emulator.add_faults({**REFUSED, "message": name})
    (error,) = watching.poll().events

    assert event["clb_health"]["instance_name"] == told
    assert error["clb_error"]["message"] == told
    assert told in error["clb_error"]["summary"]


def test_unknown_health_is_no_health(watch, emulator):
    watching = watch()
    watching.poll()
    emulator.set_health(unknown=["ins-1"])
    unknown = watching.poll()
    emulator.set_health(alive=["ins-1"])

    assert (unknown.events, watching.poll().events) == ([], [])


def test_a_watch_that_knows_nothing_says_so_once(watch, emulator):
    emulator.set_health(unknown=["ins-1", "ins-2", "10.0.9.9"])
    watching = watch()

    first, second = watching.poll(), watching.poll()

    assert "unknown" in first.warnings[0]
    assert second.warnings == ()


def health_answer(status):
    target = {"IP": "10.0.1.11", "Port": 8443, "HealthStatus": status, "HealthStatusDetail": "Dead"}
    listener = {"ListenerId": "lbl-1", "Rules": [{"LocationId": "", "Targets": [target]}]}
    return {"RequestId": "r", "LoadBalancers": [{"LoadBalancerId": "lb-1", "Listeners": [listener]}]}


@pytest.mark.parametrize(
    "response", [{"RequestId": "r"}, {"RequestId": "r", "LoadBalancers": "none"}, health_answer(status="no")]
)
def test_a_garbled_answer_is_a_failed_read_and_no_health(watch, emulator, response):
    watching = watch()
    watching.poll()
    emulator.set_health(dead=["ins-1"])
    emulator.add_faults({"action": "DescribeTargetHealth", "kind": "raw", "response": response})

    failed, good = watching.poll(), watching.poll()

    (event,) = failed.events
    assert event["clb_error"]["code"] == "UnexpectedAnswer"
    assert event["clb_error"]["summary"] == failed.failure
    assert changes(good) == [("ins-1", "Alive", "Dead")]


def test_reads_that_fail_come_later_each_time_until_one_is_answered(watch, emulator):
    watching = watch(load_balancer_id="lb-1", interval=60)
    watching.poll()
    emulator.add_faults({**REFUSED, "times": 5})

    polls = [watching.poll() for _ in range(7)]

    assert [poll.pause for poll in polls] == [60, 120, 240, 300, 300, 60, 60]
    counts = [event["clb_error"]["failed_reads"] for poll in polls for event in poll.events]
    assert counts == [1, 2, 3, 4, 5]
    assert polls[0].failure is not None
    assert "no right" in polls[0].failure


def test_back_off_never_makes_reads_come_sooner(watch, emulator):
    watching = watch(load_balancer_id="lb-1", interval=3600)
    watching.poll()
    emulator.add_faults({**REFUSED, "times": 2})

    assert [watching.poll().pause for _ in range(3)] == [3600, 3600, 3600]


def test_a_cloud_that_does_not_answer_at_first_is_asked_again(watch, emulator):
    watching = watch()
    fault = {"action": "DescribeTargets", "kind": "raw", "response": {"RequestId": "r"}}
    emulator.add_faults(fault)
    emulator.set_health(dead=["ins-1"])

    assert watching.poll().failure is not None
    assert changes(watching.poll()) == [("ins-1", None, "Dead")]


@pytest.mark.parametrize(
    "options, text",
    [
        ({"load_balancer_id": "lb-nope"}, "Check load_balancer_id and region"),
        ({"load_balancer_name": "nope"}, "No load balancer in region ap-guangzhou has the name 'nope'"),
        ({"load_balancer_id": "lb-1", "secret_id": "AKIDunknown", "secret_key": "x-of-nobody"}, "Check secret_id"),
        ({"load_balancer_id": "lb-1", "region": "ap guangzhou"}, "region"),
    ],
)
def test_a_first_read_that_fails_for_good_ends_the_watch(watch, options, text):
    with pytest.raises(ClbError, match=re.escape(text)):
        watch(**options).poll()


def test_a_load_balancer_that_is_deleted_later_does_not_end_the_watch(watch, emulator):
    watching = watch()
    watching.poll()
    emulator.change("delete_load_balancer", {"load_balancer_id": "lb-1"})

    (event,) = watching.poll().events

    assert event["clb_error"]["code"] == "InvalidParameter.LBIdNotFound"


@pytest.mark.parametrize(
    "options, backends",
    [
        ({"load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-1", "lb-2"]),
        ({"load_balancer_name": "api"}, ["lb-2"]),
        ({"all_load_balancers": True}, ["lb-1", "lb-2"]),
        ({"load_balancer_ids": "lb-2"}, ["lb-2"]),
        ({"load_balancer_tags": {"env": "prod"}}, ["lb-2"]),
        ({"all_load_balancers": True, "targets": [{"instance_id": "ins-1", "port": 80}]}, ["lb-2"]),
    ],
)
def test_which_load_balancers_are_watched(watch, emulator, options, backends):
    emulator.set_health(dead=["ins-1"])

    events = watch(**options).poll().events

    assert [event["clb_health"]["load_balancer_id"] for event in events] == backends


@pytest.mark.parametrize(
    "options, text",
    [
        ({}, "No load balancer is chosen; give one of load_balancer_id"),
        ({"load_balancer_id": "lb-1", "all_load_balancers": True}, "Give at most one of"),
        ({"load_balancer_id": "lb-1", "regoin": "x"}, "There is no option regoin; the options are secret_id"),
        ({"load_balancer_id": "lb-1", "interval": 0}, "interval 0 is too small; give a whole number from 1 to 86400"),
        ({"load_balancer_id": "lb-1", "interval": 86401}, "interval 86401 is too large; give a whole number of"),
        ({"load_balancer_id": "lb-1", "interval": "often"}, "'interval' is of type str and we were unable to convert"),
        ({"load_balancer_id": "lb-1", "timeout": 0}, "timeout 0 is too small"),
        ({"load_balancer_id": "lb 1"}, "is not an ID"),
        ({"load_balancer_ids": []}, "load_balancer_ids is an empty list"),
        ({"load_balancer_tags": {"env": 1}}, "load_balancer_tags: the value of 'env' is 1"),
        ({"load_balancer_id": "lb-1", "targets": []}, "targets is an empty list, which selects nothing"),
        ({"load_balancer_id": "lb-1", "targets": [{"port": 80}]}, "targets[0]"),
    ],
)
def test_wrong_options_are_named_before_anything_is_sent(emulator, options, text):
    emulator.clear_journal()

    with pytest.raises(InvalidArgument, match=re.escape(text)):
        HealthWatch(options, os.environ)

    assert emulator.calls() == []


def test_a_secret_is_in_no_message(emulator):
    with pytest.raises(InvalidArgument) as caught:
        HealthWatch({"load_balancer_id": "lb-1", "secret_key": "hush", "interval": "x", "timeout": []}, os.environ)

    assert "hush" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(_health_watch, "REQUESTS_ERROR", "Traceback")

    with pytest.raises(ImportError, match="pip install requests"):
        HealthWatch({"load_balancer_id": "lb-1"}, {})


@pytest.fixture(scope="module")
def source():
    # Where Ansible's importer of collections is in place, as under ansible-test, runpy takes any file for a package.
    spec = importlib.util.spec_from_file_location("health", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Source:
    """Runs ``main``; each of its sleeps carries out the next step, and the last one ends it."""

    def __init__(self, main, monkeypatch):
        self.main = main
        self.slept = []
        self.events = []
        self._patch = monkeypatch

    async def put(self, event):
        self.events.append(event)

    def run(self, args, *steps):
        remaining = list(steps)

        async def sleep(seconds):
            self.slept.append(seconds)
            if not remaining:
                raise asyncio.CancelledError
            remaining.pop(0)()

        self._patch.setattr(asyncio, "sleep", sleep)
        with pytest.raises(asyncio.CancelledError):
            asyncio.run(self.main(self, args))


@pytest.fixture
def running(source, emulator, monkeypatch):
    return Source(source.main, monkeypatch)


def test_main_puts_events_and_sleeps_between_reads(running, emulator):
    running.run({"load_balancer_id": "lb-1", "interval": 7}, lambda: emulator.set_health(dead=["ins-1"]))

    assert [event["clb_health"]["instance_id"] for event in running.events] == ["ins-1"]
    assert running.slept == [7, 7]


def test_main_logs_a_failed_read_and_goes_on(running, emulator, caplog):
    def kill():
        emulator.set_health(dead=["ins-1"])

    with caplog.at_level(logging.WARNING):
        running.run(
            {"load_balancer_id": "lb-1", "interval": 7},
            lambda: emulator.add_faults({**REFUSED, "times": 2}),
            lambda: None,
            kill,
        )

    assert [next(iter(event)) for event in running.events] == ["clb_error", "clb_error", "clb_health"]
    assert running.slept == [7, 7, 14, 7]
    assert "the next read is in 14 s. DescribeTargetHealth was refused" in caplog.messages[1]


def test_main_logs_warnings(running, emulator, caplog):
    with caplog.at_level(logging.WARNING):
        running.run({"load_balancer_id": "lb-1", "targets": [{"listener_id": "lbl-nope"}]}, lambda: None)

    (message,) = caplog.messages
    assert "lbl-nope" in message


def test_main_ends_with_the_message_on_a_wrong_option(source):
    with pytest.raises(InvalidArgument, match="interval"):
        asyncio.run(source.main(None, {"load_balancer_id": "lb-1", "interval": -1}))


def test_main_does_not_block_the_loop_of_the_rulebook(source, emulator):
    emulator.add_faults({"action": "DescribeTargets", "kind": "slow", "seconds": 1.0})

    async def ticks():
        queue = asyncio.Queue()
        reading = asyncio.create_task(source.main(queue, {"load_balancer_id": "lb-1"}))
        count = 0
        while not emulator_calls() and count < 1000:
            await asyncio.sleep(0.01)
            count += 1
        reading.cancel()
        await asyncio.wait([reading])
        return count

    def emulator_calls():
        return emulator.count("DescribeTargetHealth")

    assert asyncio.run(ticks()) > 2


def test_what_ansible_rulebook_adds_to_the_options_is_no_option(emulator):
    HealthWatch({"load_balancer_id": "lb-1", "eda_feedback_queue": object()}, os.environ)


def test_documentation_has_each_option_with_its_type_and_default(source):
    documented = yaml.safe_load(source.DOCUMENTATION)["options"]
    keys = ("type", "elements", "default")

    def shape(spec):
        return {key: spec[key] for key in keys if key in spec}

    assert {name: shape(spec) for name, spec in documented.items()} == {
        name: shape(spec) for name, spec in WATCH_SPEC.items()
    }


def test_examples_are_valid(source):
    for example in yaml.safe_load(source.EXAMPLES):
        HealthWatch(example["tencentcloud.clb.health"], {})


@pytest.mark.parametrize("other", ["none", "package"])
def test_it_finds_its_own_collection_where_it_is_run_by_its_path(tmp_path, other):
    collection = tmp_path / "collections" / "ansible_collections" / "tencentcloud" / "clb"
    for part in ("plugins", "extensions"):
        shutil.copytree(ROOT / part, collection / part, ignore=shutil.ignore_patterns("__pycache__"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    if other == "package":
        (elsewhere / "ansible_collections").mkdir()
        (elsewhere / "ansible_collections" / "__init__.py").touch()
    code = (
        "import runpy, sys; source = runpy.run_path(sys.argv[1]); "
        "print(sys.modules[source['HealthWatch'].__module__].__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, collection / SOURCE.relative_to(ROOT)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(elsewhere), os.environ.get("PYTHONPATH")]))},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(collection))
