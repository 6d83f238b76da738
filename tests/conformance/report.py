# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The report: what was asked, what the emulator answers and what this endpoint answers, and the settings between."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .question import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .calls import Record
    from .masking import Mask
    from .runner import Outcome, Run

FORMAT = 1
SAME, DIFFERS, NOT_ASKED = "same", "differs", "not asked"
MAX_RECORDS = 8
"""Calls of a question that a report shows."""


@dataclass(frozen=True)
class Compared:
    here: Outcome
    usual: Outcome

    @property
    def result(self) -> str:
        if self.here.reason or self.usual.reason:
            return NOT_ASKED
        return SAME if self.here.answer == self.usual.answer else DIFFERS

    @property
    def reason(self) -> str:
        return self.here.reason or (f"of the emulator: {self.usual.reason}" if self.usual.reason else "")

    def settings(self) -> dict[str, Any]:
        if self.result == NOT_ASKED:
            return {}
        found = Found(self.here.answer, self.usual.answer, self.here.seconds)
        differs = self.result == DIFFERS
        return merge([means.settings(found) for means in self.here.question.means if differs or means.always])


def compare(here: Run, usual: Run) -> list[Compared]:
    return [Compared(*pair) for pair in zip(here.outcomes, usual.outcomes, strict=True)]


def merge(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return all settings together; the first one counts, what is a list or a mapping grows."""
    merged: dict[str, Any] = {}
    for name, value in (item for part in parts for item in part.items()):
        if isinstance(value, dict):
            merged[name] = {**value, **merged.get(name, {})}
        elif isinstance(value, list):
            merged[name] = sorted({*merged.get(name, []), *value})
        else:
            merged.setdefault(name, value)
    return merged


def as_json(compared: Sequence[Compared], run: Run, mask: Mask, about: dict[str, Any]) -> dict[str, Any]:
    """Return the report; ``about`` has endpoint, region, versions and date."""
    mask.learn(record for item in compared for record in item.here.records)
    counts = {result: sum(item.result == result for item in compared) for result in (SAME, DIFFERS, NOT_ASKED)}
    return {
        "format": FORMAT,
        **about,
        "summary": counts,
        "ended_early": mask.answer(run.stopped) or None,
        "left_behind": bool(run.left),
        "settings": mask.answer(merge([item.settings() for item in compared])),
        "questions": [_question(item, mask) for item in compared],
    }


def _question(item: Compared, mask: Mask) -> dict[str, Any]:
    question = item.here.question
    return {
        "name": question.name,
        "asks": question.asks,
        "result": item.result,
        "emulator": mask.answer(item.usual.answer),
        "here": mask.answer(item.here.answer),
        "reason": mask.answer(item.reason),
        "seconds": {name: round(value, 2) for name, value in item.here.seconds.items()},
        "sets": ", ".join(dict.fromkeys(means.sets for means in question.means)),
        "settings": mask.answer(item.settings()),
        "requests": len(item.here.records),
        "sends": list(dict.fromkeys(record.action for record in item.here.records)),
        "shown": [_record(record, mask) for record in item.here.records[:MAX_RECORDS]],
    }


def _record(record: Record, mask: Mask) -> dict[str, Any]:
    answer = record.answer
    shown: dict[str, Any] = {"action": record.action, "parameters": mask.value(dict(record.params))}
    if answer.accepted:
        shown["response"] = mask.value(dict(answer.response))
    else:
        shown["kind"] = answer.kind.value.partition(":")[0]
        shown["error"] = {"code": mask.answer(answer.code), "message": mask.answer(answer.message)}
    return {**shown, "seconds": round(record.seconds, 3)}


def as_markdown(report: dict[str, Any]) -> str:
    lines = [
        f"Asked {report['endpoint']}, {report['region']}, on {report['date']}; collection {report['collection']}.",
        "",
        ", ".join(f"{count} {result}" for result, count in report["summary"].items()) + ".",
        "",
        "| question | emulator | here | result |",
        "|---|---|---|---|",
    ]
    for item in report["questions"]:
        answers = [_cell(item["emulator"]), _cell(item["here"])]
        shown = answers if item["result"] != NOT_ASKED else ["", _escape(item["reason"])]
        lines.append(f"| {item['asks']} (`{item['name']}`) | {shown[0]} | {shown[1]} | {item['result']} |")
    settings = [f"- `{name}`: {_cell(value)}" for name, value in report["settings"].items()]
    return "\n".join([*lines, "", "Settings of the emulator that answer alike:", "", *(settings or ["none"]), ""])


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name}: {_cell(item)}" for name, item in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "none"
    words = {True: "yes", False: "no", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else _escape(str(value))


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("\n", " ").replace("`", "'")
