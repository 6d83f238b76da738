# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each setting of the emulator, changed in turn: what concerns it differs, and the report brings it back."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

from clb_emulator.inprocess import InProcess
from clb_emulator.scenario import like
from conformance.asker import Asker
from conformance.calls import Cloud
from conformance.collection import EmulatorApi
from conformance.leftovers import Leftovers
from conformance.masking import Mask
from conformance.questions import QUESTIONS
from conformance.report import DIFFERS, NOT_ASKED, as_json, compare
from conformance.runner import Run, prepare, run
from conformance.world import EMULATED, EMULATED_BACKENDS, EMULATED_ID, World

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from conformance.question import Question

DEREGISTER, WEIGHT, TAG = "BatchDeregisterTargets", "BatchModifyTargetWeight", "BatchModifyTargetTag"
GONE = {"gone-alone", "gone-among"}
UNKNOWN = {"unknown-load-balancer", "unknown-listener", "unknown-rule"}


def ask(scenario: dict[str, Any], questions: Sequence[Question] = QUESTIONS) -> tuple[Run, World, InProcess]:
    """Ask an emulated load balancer everything."""
    emulator = InProcess(scenario)
    cloud = Cloud(EmulatorApi(emulator))
    world = prepare(cloud, EMULATED_ID, EMULATED_BACKENDS, Leftovers())
    return run(Asker(cloud, world, Leftovers()), questions), world, emulator


@cache
def usual(twin: str) -> Run:
    """Return what the unchanged emulator answers for a load balancer."""
    return ask(json.loads(twin))[0]


def changed(**settings: Any) -> dict[str, Any]:
    """Return the emulated load balancer with other settings."""
    merged = {name: {**EMULATED.get(name, {}), **value} for name, value in settings.items() if name == "health"}
    return {**EMULATED, **settings, **merged}


CASES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, set()),
    ({"batch_is_task": False}, {"batch-shows", "batch-task", "busy"}),
    ({"task_seconds": 4}, set()),
    ({"read_lag": 3}, {"read-lag"}),
    ({"lock_after": 2}, {"lock"}),
    ({"weight_is_task": False}, {"weight-task"}),
    ({"tag_is_task": True}, {"tag-task"}),
    ({"tag_needs_free": False}, {"busy"}),
    ({"unknown_task_code": "ResourceNotFound"}, {"unknown-task"}),
    *(({"busy_style": style}, {"busy"}) for style in ("text", "text2", "in_use", "unavailable", "working", "abnormal")),
    ({"codes": {"BatchRegisterTargets.busy": "InvalidParameter"}}, {"busy"}),
    (
        {"codes": "documented"},
        {"busy", "unknown-filter", *UNKNOWN},
    ),
    ({"default_weight": 1}, {"default-weight"}),
    *(({"reregister": how}, {"registered-again"}) for how in ("overwrite", "overwrite_tag", "overwrite_all")),
    ({"reregister": "refuse"}, {"registered-again", "two-names"}),
    ({"repeated": "last"}, {"repeated"}),
    ({"repeated": "refuse"}, {"repeated"}),
    *(({"deregister_gone": how}, GONE) for how in ("fail_listener", "fail_target", "ignore")),
    ({"codes": {"unknown_target": "FailedOperation"}}, {*GONE, "weight-of-gone", "tag-of-gone"}),
    ({"fail_listener_set": "null"}, {"fail-set"}),
    ({"fail_listener_set": "missing"}, {"fail-set"}),
    ({"batch_message": "success"}, {"message"}),
    ({"quotas": {"targets": 60}}, {"quota"}),
    ({"quotas": {"targets": 200}}, {"quota"}),
    ({"quota_counts": "new"}, {"quota-counts"}),
    ({"health": {"after": 4}}, {"health-new"}),
    ({"health": {"after": 4, "unchecked": "Dead"}}, {"health-new"}),
    ({"health": {"at_zero": "Close"}}, {"health-at-zero"}),
    ({"health": {"close_status": False}}, {"health-unchecked"}),
    ({"health": {"dead_status": True}}, {"health-all-dead"}),
    ({"number_layer4_rules": True}, {"health-layer-4"}),
    (
        {"sparse": True},
        {
            "fail-set",
            "message",
            "no-listeners",
            "empty-listener",
            "empty-rule",
            "empty-quic",
            "nulls",
            "traits",
            "tags",
        },
    ),
    ({"sparse": ["Zone"]}, {"nulls"}),
    ({"empty_quic_targets": "null"}, {"empty-quic"}),
    ({"tags": False}, {"tag", "registered-again"}),
    ({"order": "random"}, {"order"}),
    ({"domains": "punycode"}, {"domain"}),
    ({"ipv6_type": "CVM"}, {"ipv6-type"}),
    ({"ipv6_spelling": "exploded"}, {"ipv6-spelling"}),
    ({"tag_filters": "refuse"}, {"tag-filter"}),
    ({"tag_filters": "ignore"}, {"tag-filter"}),
    ({"target_count": "always"}, {"target-count"}),
    ({"target_count": "never"}, {"target-count"}),
    ({"detail_lag": 5}, {"target-ip"}),
    ({"limits": {"targets": 499}}, {question.name for question in QUESTIONS if "limit-targets" in question.name}),
    (
        {"limits": "exclusive"},
        {question.name for question in QUESTIONS if "limit-" in question.name} - {"limit-described-listeners"},
    ),
    ({"limits": {"described_listeners": 7}}, {"limit-described-listeners"}),
    ({"describe_unknown_listener": "empty"}, {"unknown-listener"}),
    ({"unknown_instances": "refuse"}, {"unknown-instance"}),
    ({"codes": {"unknown_rule": "InvalidParameter"}}, {"unknown-rule"}),
    ({"codes": {"no_rule": "InvalidParameter"}}, {"no-rule"}),
    ({"codes": {"rule_on_layer4": "InvalidParameter"}}, {"rule-on-layer-4"}),
    ({"codes": {"range": "InvalidParameterValue"}}, {"out-of-range"}),
    ({"target_group_code": "FailedOperation"}, {"target-group"}),
    ({"language": "zh-CN"}, {"language", "busy"}),
]


HIDDEN = {
    # Without its field HealthCheck, nobody knows where the check is switched off.
    str({"sparse": True}): {"health-unchecked"},
    str({"reregister": "refuse"}): {"quota-counts"},
}
"""Settings -> questions that can't be asked then."""


@pytest.mark.sample(4)
@pytest.mark.parametrize("settings, expected", CASES, ids=[str(settings) for settings, _ in CASES])
def test_a_changed_setting_is_found_and_brought_back(
    settings: dict[str, Any], expected: set[str], tmp_path: Path
) -> None:
    here, world, emulator = ask(changed(**settings))
    assert emulator.bindings() == set(), "it leaves nothing bound"
    compared = compare(here, usual(json.dumps(world.twin("ap-guangzhou"))))
    assert {item.here.question.name for item in compared if item.result == DIFFERS} == expected
    assert {item.here.question.name for item in compared if item.result == NOT_ASKED} == HIDDEN.get(
        str(settings), set()
    )
    for item in compared:
        assert Mask().answer(item.here.answer) == item.here.answer, "the report shows all of it"
    report = tmp_path / "conformance.json"
    about = {"endpoint": "x", "region": "x", "date": "x", "collection": "x"}
    report.write_text(json.dumps(as_json(compared, here, Mask(), about)))
    # Limits are quick to ask in the cloud, and slow here.
    asked = [question for question in QUESTIONS if question.name in expected or "limit-" not in question.name]
    again, _world, _emulator = ask(dict(like(EMULATED, report)), asked)
    answers = {outcome.question.name: outcome.answer for outcome in here.outcomes}
    assert {item.question.name: item.answer for item in again.outcomes} == {
        question.name: answers[question.name] for question in asked
    }
