# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Health that is read again and again, on an emulated cloud."""

from __future__ import annotations

import re

import pytest

from ansible_collections.tencentcloud.clb.plugins.module_utils._base.errors import ClbError, InvalidArgument
from ansible_collections.tencentcloud.clb.plugins.plugin_utils import _health_watch
from ansible_collections.tencentcloud.clb.plugins.plugin_utils._health_watch import HealthWatch
from harness import Cloud

from ..builders import rows

INSTANCES = {"ins-1": {"ip": "10.0.1.11", "name": "web-1"}, "ins-2": {"ip": "10.0.1.12"}}
SHOP = [{"instance_id": "ins-1", "port": 8443, "weight": 10}, {"instance_id": "ins-2", "port": 8443, "weight": 0}]
OTHER = [{"eni_ip": "10.0.9.9", "port": 80, "weight": 5}]
RULE = {"id": "loc-1", "domain": "shop.example.com", "url": "/", "targets": OTHER}
LISTENERS = [
    {"id": "lbl-1", "protocol": "TCP", "port": 443, "targets": SHOP},
    {"id": "lbl-2", "protocol": "HTTP", "port": 80, "rules": [RULE]},
    {"id": "lbl-9", "protocol": "TCP", "port": 80, "targets": [{"instance_id": "ins-1", "port": 80}]},
]
WORLD = {
    "instances": INSTANCES,
    "load_balancers": [
        {"id": "lb-1", "name": "shop", "listeners": LISTENERS[:2]},
        {"id": "lb-2", "name": "api", "tags": {"env": "prod"}, "listeners": LISTENERS[2:]},
    ],
}
REFUSED = {"action": "DescribeTargetHealth", "kind": "error", "code": "UnauthorizedOperation", "message": "no right"}


class Watching:
    """A watch of lb-1, or of what the options say."""

    def __init__(self, *, cloud=None, **options):
        self.cloud = cloud or Cloud(WORLD)
        with self.cloud.inside() as environ:
            self.watch = HealthWatch(options or {"load_balancer_id": "lb-1"}, environ)

    def poll(self):
        with self.cloud.inside():
            return self.watch.poll()

    def health(self, **marks):
        self.cloud.change("health", marks)


def changes(poll):
    """Backend, status before and status after of each event."""
    events = [event["clb_health"] for event in poll.events]
    return [(one["instance_id"] or one["eni_ip"], one["health_before"], one["health_after"]) for one in events]


def dead(*names):
    return {"health": {"dead": list(names)}}


def alive(*names):
    return {"health": {"alive": list(names)}}


def binding(address, port=80):
    name = "InstanceId" if address.startswith("ins-") else "EniIp"
    return {"LoadBalancerId": "lb-1", "ListenerId": "lbl-1", name: address, "Port": port}


INS_1 = [binding("ins-1", 8443)]
DIED, HEALED, LATER = ("ins-1", None, "Dead"), ("ins-1", "Dead", "Alive"), ("10.0.9.11", None, "Dead")


@rows(
    "steps, told",
    ([{}, {}], [[], []]),
    ([{}, dead("ins-1"), {}], [[], [("ins-1", "Alive", "Dead")], []]),
    ([dead("10.0.9.9"), alive("10.0.9.9")], [[("10.0.9.9", None, "Dead")], [("10.0.9.9", "Dead", "Alive")]]),
    ([dead("ins-2")], [[("ins-2", None, "Dead")]]),
    # Bound later, one of them dead.
    ([{}, {**dead("10.0.9.11"), "bind": [binding("10.0.9.10"), binding("10.0.9.11")]}], [[], [LATER]]),
    # Bound again: still dead, it starts anew; healthy, it has recovered.
    ([dead("ins-1"), {"unbind": INS_1}, {"bind": INS_1}], [[DIED], [], [DIED]]),
    ([dead("ins-1"), {"unbind": INS_1}, {**alive("ins-1"), "bind": INS_1}], [[DIED], [], [HEALED]]),
    # Unknown health is no health.
    ([{}, {"health": {"unknown": ["ins-1"]}}, alive("ins-1")], [[], [], []]),
)
def test_what_is_told_after_each_change(steps, told):
    """A step is marks of health, or the name of a change and its targets."""
    watching = Watching()
    for step, expected in zip(steps, told):
        for name, payload in step.items():
            watching.cloud.change(name, payload)
        assert changes(watching.poll()) == expected


def test_a_target_is_bound_again_also_where_a_read_between_leaves_out_the_time():
    watching, told = Watching(), []
    watching.health(dead=["ins-1"])
    for time in ("10:00", None, "10:00", None, "11:00"):
        watching.cloud.clear_faults()
        watching.cloud.alter("DescribeTargets", lambda answer, time=time: bound_at(time, answer))
        told.append(changes(watching.poll()))
    assert told == [[DIED], [], [], [], [DIED]]


def bound_at(time, answer):
    answer["Response"]["Listeners"][0]["Targets"][0]["RegisteredTime"] = time
    return answer


def test_an_event_has_all_that_names_the_target():
    watching = Watching()
    watching.poll()
    watching.health(dead=["ins-1"])
    (event,) = watching.poll().events
    assert {**event["clb_health"], "registered_time": None, "zone": None} == {
        "region": "ap-guangzhou", "load_balancer_id": "lb-1", "listener_id": "lbl-1", "listener_protocol": "TCP",
        "listener_port": 443, "location_id": None, "domain": None, "url": None, "instance_id": "ins-1", "eni_ip": None,
        "port": 8443, "weight": 10, "tag": "", "private_ips": ["10.0.1.11"], "instance_name": "web-1", "type": "CVM",
        "zone": None, "registered_time": None, "health_before": "Alive", "health_after": "Dead", "healthy": False,
    }  # fmt: skip


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
        if not numbers or not left[0]:
            return answer
        left[0] -= 1
        if isinstance(GAPS[gap], str):
            return {"Response": {"Error": {"Code": GAPS[gap], "Message": "no"}, "RequestId": "r-1"}}
        GAPS[gap](listeners, *numbers)
        return answer

    nothing = {"Response": {"LoadBalancers": [], "RequestId": "r-1"}}
    if GAPS[gap] is None:
        cloud.alter("DescribeTargetHealth", lambda _answer: nothing, times=reads)
    else:
        cloud.alter("DescribeTargets", alter)


def watch_9_9(gap, *health, reads):
    """Watch a target whose health is as given at the first and at the last read, with a gap between them."""
    watching = Watching(all_load_balancers=True)
    watching.health(**{health[0]: ["10.0.9.9"]})
    polls = [watching.poll()]
    leave_out(watching.cloud, gap, reads)
    polls += [watching.poll() for _ in range(reads)]
    watching.health(**{health[1]: ["10.0.9.9"]})
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


def test_a_stopped_listener_is_told_although_the_cloud_has_one_word_for_two_things():
    cloud = Cloud(WORLD, health={"closed_listeners": ["lbl-1"]})
    watching = Watching(cloud=cloud, load_balancer_id="lb-1", targets=[{"listener_id": "lbl-1"}])
    watching.poll()
    cloud.change("stop_listener", {"load_balancer_id": "lb-1", "listener_id": "lbl-1"})
    told = [event["clb_health"] for event in watching.poll().events]
    assert [(one["health_after"], one["healthy"]) for one in told] == [("Close", False)] * 2


@rows(
    "name, told",
    ("{{ lookup('pipe', 'id') }}", "{ { lookup('pipe', 'id') }}"),
    ("{% x %} {# y #}", "{ % x %} { # y #}"),
    ("{{{", "{ { {"),
    ("{web}", "{web}"),
    ("hush-hush", "********"),
    ("#jinja2: x {#jinja2: y", "# jinja2: x { # jinja2: y"),
)
def test_no_text_of_an_event_is_an_expression_or_a_secret(name, told):
    instances, proxy = {**INSTANCES, "ins-1": {"ip": "10.0.1.11", "name": name}}, "http://me:hush-hush@proxy"
    watching = Watching(cloud=Cloud(WORLD, instances=instances, environ={"HTTPS_PROXY": proxy}))
    watching.health(dead=["ins-1"])
    (event,) = (one for one in watching.poll().events if "clb_health" in one)
    watching.cloud.add_faults({**REFUSED, "message": name})
    (error,) = watching.poll().events
    assert (event["clb_health"]["instance_name"], error["clb_error"]["message"]) == (told, told)
    assert told in error["clb_error"]["summary"]


def test_a_watch_that_knows_nothing_says_so_once():
    watching = Watching()
    watching.health(unknown=["ins-1", "ins-2", "10.0.9.9"])
    (warning,), none = watching.poll().warnings, watching.poll().warnings
    assert ("unknown" in warning, none) == (True, ())


NO_BOOLEAN = {"IP": "10.0.1.11", "Port": 8443, "HealthStatus": "no", "HealthStatusDetail": "Dead"}
LISTENER = {"ListenerId": "lbl-1", "Rules": [{"LocationId": "", "Targets": [NO_BOOLEAN]}]}
GARBLED = [{}, {"LoadBalancers": "none"}, {"LoadBalancers": [{"LoadBalancerId": "lb-1", "Listeners": [LISTENER]}]}]


@pytest.mark.parametrize("action", ["DescribeTargets", "DescribeTargetHealth"])
@pytest.mark.parametrize("response", GARBLED)
def test_a_garbled_answer_is_a_failed_read_and_no_health(response, action):
    watching = Watching()
    watching.cloud.add_faults({"action": action, "kind": "raw", "response": {"RequestId": "r", **response}})
    watching.health(dead=["ins-1"])
    failed, good = watching.poll(), watching.poll()
    (event,) = failed.events
    assert (event["clb_error"]["code"], event["clb_error"]["summary"]) == ("UnexpectedAnswer", failed.failure)
    assert changes(good) == [DIED]


@rows("interval, failures, pauses", (60, 5, [60, 120, 240, 300, 300, 60, 60]), (3600, 2, [3600, 3600, 3600]))
def test_reads_that_fail_come_later_each_time_until_one_is_answered(interval, failures, pauses):
    watching = Watching(load_balancer_id="lb-1", interval=interval)
    watching.poll()
    watching.cloud.add_faults({**REFUSED, "times": failures})
    polls = [watching.poll() for _ in pauses]
    assert [poll.pause for poll in polls] == pauses
    counts = [event["clb_error"]["failed_reads"] for poll in polls for event in poll.events]
    assert counts == list(range(1, failures + 1))
    assert "no right" in polls[0].failure


@rows(
    "options, text",
    ({"load_balancer_id": "lb-nope"}, "Check load_balancer_id and region"),
    ({"load_balancer_name": "nope"}, "No load balancer in region ap-guangzhou has the name 'nope'"),
    ({"load_balancer_id": "lb-1", "secret_id": "AKIDunknown", "secret_key": "x-of-nobody"}, "Check secret_id"),
    ({"load_balancer_id": "lb-1", "region": "ap guangzhou"}, "region"),
)
def test_a_first_read_that_fails_for_good_ends_the_watch(options, text):
    with pytest.raises(ClbError, match=re.escape(text)):
        Watching(**options).poll()


def test_a_load_balancer_that_is_deleted_later_does_not_end_the_watch():
    watching = Watching()
    watching.poll()
    watching.cloud.change("delete_load_balancer", {"load_balancer_id": "lb-1"})
    (event,) = watching.poll().events
    assert event["clb_error"]["code"] == "InvalidParameter.LBIdNotFound"


@rows(
    "options, watched",
    ({"load_balancer_ids": ["lb-1", "lb-2"]}, ["lb-1", "lb-2"]),
    ({"load_balancer_name": "api"}, ["lb-2"]),
    ({"load_balancer_ids": "lb-2"}, ["lb-2"]),
    ({"load_balancer_tags": {"env": "prod"}}, ["lb-2"]),
    ({"all_load_balancers": True, "targets": [{"instance_id": "ins-1", "port": 80}]}, ["lb-2"]),
)
def test_which_load_balancers_are_watched(options, watched):
    watching = Watching(**options)
    watching.health(dead=["ins-1"])
    assert [event["clb_health"]["load_balancer_id"] for event in watching.poll().events] == watched


@rows(
    "options, text",
    ({}, "No load balancer is chosen; give one of load_balancer_id"),
    ({"load_balancer_id": "lb-1", "all_load_balancers": True}, "Give at most one of"),
    ({"load_balancer_id": "lb-1", "regoin": "x"}, "There is no option regoin; the options are secret_id"),
    (
        {"load_balancer_id": "lb-1", "interval": 0},
        "interval 0 is too small; give a whole number of seconds from 1 to 86400",
    ),
    ({"load_balancer_id": "lb-1", "interval": 86401}, "interval 86401 is too large; give a whole number of seconds"),
    ({"load_balancer_id": "lb-1", "interval": "often"}, "'interval' is of type str and we were unable to convert"),
    ({"load_balancer_id": "lb-1", "timeout": 0}, "timeout 0 is too small"),
    ({"load_balancer_id": "lb 1"}, "is not an ID"),
    ({"load_balancer_ids": []}, "load_balancer_ids is an empty list"),
    ({"load_balancer_tags": {"env": 1}}, "load_balancer_tags: the value of 'env' is 1"),
    ({"load_balancer_id": "lb-1", "targets": []}, "targets is an empty list, which selects nothing"),
    ({"load_balancer_id": "lb-1", "targets": [{"port": 80}]}, "targets[0]"),
)
def test_wrong_options_are_named_before_anything_is_sent(options, text):
    with pytest.raises(InvalidArgument, match=re.escape(text)):
        HealthWatch(options, {})


def test_a_secret_is_in_no_message():
    with pytest.raises(InvalidArgument) as caught:
        HealthWatch({"load_balancer_id": "lb-1", "secret_key": "hush", "interval": "x", "timeout": []}, {})
    assert "hush" not in str(caught.value)


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setattr(_health_watch, "REQUESTS_ERROR", "Traceback")
    with pytest.raises(ImportError, match="pip install requests"):
        HealthWatch({"load_balancer_id": "lb-1"}, {})
