# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixture that users of the package get, in a pytest of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest):
    """Run tests in a process of its own: those of this project must not see the fixture."""
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath / "tests" / "emulator"))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # What ansible-test asks of a pytest that can import its plugins.
    monkeypatch.delenv("PYTEST_PLUGINS", raising=False)

    def run(test: str) -> pytest.RunResult:
        pytester.makepyfile(test)
        plugins = ["-p", "clb_emulator.pytest_plugin", "--strict-markers", "-p", "no:cacheprovider"]
        return pytester.runpytest_subprocess(*plugins)

    return run


SERVED = """
from pathlib import Path

import pytest

OWN = {"load_balancers": [{"id": "lb-own"}]}


def test_the_demo_without_a_mark(clb_emulator):
    assert clb_emulator.environ()["TENCENTCLOUD_CLB_ENDPOINT"] == clb_emulator.url
    assert ("lbl-tcp443", None, "ins-web1", 8443, 10, "blue") in clb_emulator.bindings("lb-demo")
    clb_emulator.add_faults({"action": "Batch*", "kind": "cut_after"})


def marked(expected, *scenario, **settings):
    return pytest.param(expected, marks=pytest.mark.clb_scenario(*scenario, **settings))


@pytest.mark.parametrize("expected", [
    marked(("lb-own", None), "own.yml"),
    marked(("lb-other", 7), "sub/other.yml", task_seconds=7),
    marked(("lb-own", 8), OWN, task_seconds=8),
    marked(("lb-demo", 9), "demo", task_seconds=9),
    marked(("lb-demo", 10), task_seconds=10),
])
def test_marks(clb_emulator, expected):
    (balancer,) = clb_emulator.scenario["load_balancers"]
    assert (balancer["id"], clb_emulator.scenario.get("task_seconds")) == expected


@pytest.mark.parametrize("number", range(3))
def test_a_cloud_of_its_own(clb_emulator, number):
    assert not {item for item in clb_emulator.bindings() if item[3] == 1}
    clb_emulator.bind("lb-demo", {"ListenerId": "lbl-tcp443", "InstanceId": f"ins-{number}", "Port": 1})
    Path(f"port-{number}").write_text(clb_emulator.url)
"""

MEANINGLESS = """
import pytest


@pytest.mark.clb_scenario("none.yml")
def test_no_such_file(clb_emulator):
    pass


@pytest.mark.clb_scenario("a", "b")
def test_two_files(clb_emulator):
    pass
"""


def test_what_the_fixture_serves(run, pytester: pytest.Pytester) -> None:
    for name in ("own", "sub/other"):
        file = pytester.path / f"{name}.yml"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"load_balancers: [{{id: lb-{file.stem}}}]\n", encoding="utf-8")
    run(SERVED).assert_outcomes(passed=9)
    ports = [file.read_text(encoding="utf-8") for file in pytester.path.glob("port-*")]
    assert len(set(ports)) == len(ports) == 3


def test_marks_that_mean_nothing(run) -> None:
    result = run(MEANINGLESS)
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*there is no *none.yml*", "*takes one scenario, not 2*"])
