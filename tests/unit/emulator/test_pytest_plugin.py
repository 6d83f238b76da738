# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixture that users of the package get, in a pytest of its own."""

from __future__ import annotations

import pytest

pytest_plugins = ["pytester"]

HEAD = "import pytest\n\n"


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    def run(test: str, *arguments: str) -> pytest.RunResult:
        # In a process of its own: the tests of this project must not see the fixture.
        pytester.makepyfile(HEAD + test)
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        plugins = ["-p", "clb_emulator.pytest_plugin", "--strict-markers", "-p", "no:cacheprovider"]
        return pytester.runpytest_subprocess(*plugins, *arguments)

    return run


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setenv("PYTHONPATH", str(request.config.rootpath / "tests" / "emulator"))


def test_the_demo_is_served_where_no_scenario_is_named(run) -> None:
    result = run(
        """
def test_it(clb_emulator):
    assert clb_emulator.environ()["TENCENTCLOUD_CLB_ENDPOINT"] == clb_emulator.url
    assert ("lbl-tcp443", None, "ins-web1", 8443, 10, "blue") in clb_emulator.bindings("lb-demo")
    clb_emulator.add_faults({"action": "Batch*", "kind": "cut_after"})
"""
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "mark",
    ['"own.yml"', '"sub/own.yml"', '{"load_balancers": [{"id": "lb-own"}]}', '"own.yml", task_seconds=7', '"demo"'],
)
def test_scenarios(run, pytester: pytest.Pytester, mark: str) -> None:
    scenario = "load_balancers: [{id: lb-own}]\n"
    pytester.path.joinpath("sub").mkdir()
    for name in ("own.yml", "sub/own.yml"):
        pytester.path.joinpath(name).write_text(scenario, encoding="utf-8")
    result = run(
        f"""
@pytest.mark.clb_scenario({mark})
def test_it(clb_emulator):
    (balancer,) = clb_emulator.scenario["load_balancers"]
    assert balancer["id"] == {"lb-demo" if "demo" in mark else "lb-own"!r}
    assert clb_emulator.scenario.get("task_seconds") == {7 if "7" in mark else (0.3 if "demo" in mark else None)!r}
"""
    )
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    "mark, message", [('"none.yml"', "there is no *none.yml"), ('"a", "b"', "takes one scenario, not 2")]
)
def test_a_mark_that_means_nothing(run, mark: str, message: str) -> None:
    result = run(f"@pytest.mark.clb_scenario({mark})\ndef test_it(clb_emulator):\n    pass\n")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message}*"])


def test_each_test_has_a_port_and_a_cloud_of_its_own(run, pytester: pytest.Pytester) -> None:
    result = run(
        """
from pathlib import Path

@pytest.mark.parametrize("number", range(3))
def test_it(clb_emulator, number):
    target = {"ListenerId": "lbl-tcp443", "InstanceId": f"ins-{number}", "Port": 1}
    assert not {item for item in clb_emulator.bindings() if item[3] == 1}
    clb_emulator.bind("lb-demo", target)
    Path(f"port-{number}").write_text(clb_emulator.url)
"""
    )
    result.assert_outcomes(passed=3)
    assert len({file.read_text(encoding="utf-8") for file in pytester.path.glob("port-*")}) == 3
