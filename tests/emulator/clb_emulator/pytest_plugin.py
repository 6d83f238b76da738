# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The pytest fixture ``clb_emulator``: one emulator for each test that uses it, on a port of its own.

Loaded by pytest where the package is installed; nothing else of the package needs pytest.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .scenario import DEMO, FOLDER
from .testing import Emulator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MARK = "clb_scenario"


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark, so that ``--strict-markers`` knows it."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(scenario, **settings): what clb_emulator serves: a YAML file beside the test, the name of a "
        "scenario of the emulator's own, or a mapping; settings replace keys of it; like=FILE is a conformance report",
    )


@pytest.fixture
def clb_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """Run an emulator with the scenario of the test's mark, or with the demo."""
    mark = request.node.get_closest_marker(MARK)
    arguments, settings = (mark.args, mark.kwargs) if mark is not None else ((), {})
    if len(arguments) > 1:
        raise pytest.UsageError(f"{MARK} takes one scenario, not {len(arguments)}; what else it takes has a name")
    scenario = _find(arguments[0], request) if arguments else DEMO
    if "like" in settings:
        settings = {**settings, "like": _find(settings["like"], request)}
    with Emulator(scenario, **settings) as emulator:
        yield emulator


def _find(scenario: str | Path | Mapping[str, Any], request: pytest.FixtureRequest) -> Path | Mapping[str, Any]:
    """Return the scenario that a mark names.

    :raises pytest.UsageError: there is no such file.
    """
    if not isinstance(scenario, (str, Path)):
        return scenario
    places = [request.path.parent / scenario, request.config.rootpath / scenario, FOLDER / f"{scenario}.yml"]
    for place in places:
        if place.is_file():
            return place
    raise pytest.UsageError(f"{MARK}: there is no {', no '.join(map(str, places))}")
