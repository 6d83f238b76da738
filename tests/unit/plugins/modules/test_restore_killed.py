# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tasks that are killed at each of their calls: with the restore file, everything comes back as it was."""

from __future__ import annotations

import itertools
import os
import random

import pytest

from clb_emulator.writes import WRITES
from harness import Cloud

from ..builders import Raw, http, rule, target, tcp
from .tasks import order, refusal, unknown_outcome

KINDS = ("drained", "absent", "purge", "weight", "weight_and_tag", "raised", "restored", "put_back")
SWEEPS = 100
NEW = "10.9.0.77"


FAULTS: list[Raw | None] = [
    None,
    unknown_outcome(1.0, task_seconds=6.0),
    unknown_outcome(0.5),
    order("cut_before"),
    order("busy"),
    order("task_fails", message="no", apply=0.5),
    order("fail_listeners", listeners=["lbl-lb-1-1"], message="no", apply=0.5, rest=1.0),
    order("fail_listeners", listeners=["lbl-lb-1-1"], message="no", apply=0.0, rest=0.5),
    refusal("InvalidParameter"),
    refusal("AuthFailure"),
]
"""What happens to the first writes of a task; in half of the worlds nothing does."""


class Killed(BaseException):
    """The process is gone: nothing of it runs on, and it tells nobody."""


class Mortal(Cloud):
    """A cloud at whose n-th request the task is killed: before the request arrives, or before its answer does."""

    at, after, requests, last = 0, False, 0, ""

    def answer(self, headers, body, seconds):
        self.requests += 1
        if self.at and self.requests > self.at - (not self.after):
            self.last = headers["X-TC-Action"]
            raise Killed
        answer = super().answer(headers, body, seconds)
        if self.requests == self.at:
            raise Killed
        return answer

    def run_until(self, at, *, after, **options):
        """Run a task that is killed at a request; returns the action of that request, empty where there was none."""
        self.at, self.after, self.requests, self.last = at, after, 0, ""
        try:
            self.run(**options)
        except Killed:
            return self.last or "done"
        finally:
            self.at = 0
            # The threads of other load balancers died with the process.
            self.shared_clock._waiting.clear()
        return ""


def places(listeners):
    """Each listener, or rule of one, with its listener."""
    return [(listener, place) for listener in listeners for place in listener["Rules"] or [listener]]


class Sweep:
    """One world and one task in it, made from a seed."""

    def __init__(self, seed, file):
        chance = random.Random(seed)
        self.kind, self.file, self.seed = KINDS[seed % len(KINDS)], file, seed
        self.worlds = {one: self._listeners(one, chance) for one in ["lb-1", "lb-2"][: chance.choice((1, 1, 2))]}
        self.settings: Raw = {
            "task_seconds": chance.choice((0.05, 1.0)),
            "batch_is_task": chance.random() < 0.7,
            "lock_after": chance.choice((0.0, 0.0, 1.5)),
        }
        self.options: Raw = {
            "restore_file": str(file),
            "load_balancer_ids": list(self.worlds),
            "wait": self.kind in ("put_back", "restored") or chance.random() < 0.7,
            **self._task(chance),
        }
        self.faults = chance.choices(FAULTS, k=2) if chance.random() < 0.5 else []

    def _listeners(self, one, chance):
        def targets():
            names = ("ins-1", "10.9.0.3", "ins-2", "2001:db8::4")
            weights = {"put_back": (10, 100), "raised": (0, 10)}.get(self.kind, (1, 10, 100))
            count = 2 if self.kind == "put_back" else chance.randint(1, 4)
            return [target(name, 80, chance.choice(weights), chance.choice(("", "blue"))) for name in names[:count]]

        return [
            tcp(f"lbl-{one}-1", 443, *targets()),
            tcp(f"lbl-{one}-2", 53, *targets(), protocol="UDP"),
            http(f"lbl-{one}-3", 80, rule(f"loc-{one}-1", "a.example.com", *targets())),
        ]

    def _task(self, chance):
        if self.kind == "put_back":
            return {"state": "drained", "min_healthy": 1, "targets": [{"instance_id": "ins-1"}]}
        if self.kind in ("drained", "absent", "restored"):
            some = [{"listener_port": port} for port in (443, 53, 80)]
            return {
                "state": "absent" if self.kind == "absent" else "drained",
                "targets": chance.choice(([{"instance_id": "ins-1"}], some)),
            }
        wishes = []
        for one, listeners in self.worlds.items():
            for listener, place in places(listeners):
                where = {"load_balancer_id": one, "listener_id": listener["ListenerId"], "port": 80}
                where["location_id"] = place.get("LocationId")
                bound = [found for found in place["Targets"] if self.kind != "raised" or found["Weight"] == 0]
                for found in [{"PrivateIpAddresses": [NEW]}] if self.kind == "purge" else bound:
                    # By the primary address, too, in place of the instance.
                    wish = {**where, "eni_ip": found["PrivateIpAddresses"][0], "weight": chance.choice((1, 50))}
                    wishes.append({**wish, "tag": "green"} if self.kind == "weight_and_tag" else wish)
        return {"targets": wishes, "purge": self.kind == "purge"}

    def start(self):
        """A new cloud, and the task that is killed."""
        self.file.unlink(missing_ok=True)
        cloud = Mortal.of(self.worlds, seed=self.seed, **self.settings)
        if self.kind == "put_back":
            cloud.before("BatchModifyTargetWeight", lambda: self._rival(cloud))
        if self.kind != "restored":
            cloud.next_writes(*self.faults)
            return cloud, self.options
        assert not cloud.run(**self.options).failed
        cloud.finish()
        cloud.next_writes(*self.faults)
        return cloud, {"state": "restored", "restore_file": str(self.file)}

    def _rival(self, cloud):
        """Take away what the guard has counted on, as a task on another controller does."""
        for one, listeners in self.worlds.items():
            for listener, place in places(listeners):
                at = {
                    "LoadBalancerId": one,
                    "ListenerId": listener["ListenerId"],
                    "LocationId": place.get("LocationId"),
                }
                cloud.change("weight", [{**at, "EniIp": "10.9.0.3", "Port": 80, "Weight": 0}])

    def check(self, at, *, after, later):
        """Kill the task at a request, restore, and compare; returns the action of that request."""
        cloud, options = self.start()
        before = Cloud.of(self.worlds).bindings()
        killed = cloud.run_until(at, after=after, **options)
        cloud.clear_faults()
        if later or not killed:
            cloud.finish()
        left = self.file.read_text() if self.file.exists() else "no file"
        run = cloud.run(state="restored", restore_file=str(self.file))
        cloud.finish()
        if self.kind == "raised" and run.failed:
            # A weight of 0 that was raised under its eyes, it leaves and tells.
            assert {one["weight"] for one in run["failed_targets"]} == {0}
            run = cloud.run(state="restored", restore_file=str(self.file))
            cloud.finish()
        case = f"seed {self.seed} ({self.kind}), killed at {at}, {after=}, {later=}: {run.message}, it held {left}"
        assert not run.failed, case
        theirs = {NEW, *(["10.9.0.3"] if self.kind == "put_back" else [])}
        now = {binding for binding in cloud.bindings() if binding[2] not in theirs}
        assert now == {binding for binding in before if binding[2] not in theirs}, f"{case}, {run.warnings}"
        assert list(self.file.parent.iterdir()) == [], f"{case}, {self.file.read_text()}, {run.warnings}"
        return killed


@pytest.mark.sample(20)
@pytest.mark.parametrize("seed", range(SWEEPS))
def test_killed_at_any_call_everything_comes_back(seed, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    sweep = Sweep(seed, tmp_path / "restore.json")
    for at in itertools.count(1):
        action = sweep.check(at, after=False, later=bool(at % 2))
        if not action:
            break
        if action in WRITES:
            for later in (False, True):
                sweep.check(at, after=True, later=later)
    assert at > 2
