# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The helper that tests use: in a thread, as a process, over HTTPS; and what goes over the wire."""

from __future__ import annotations

import datetime
import ipaddress
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException

from clb_emulator.clock import iso
from clb_emulator.testing import HOME, Emulator

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tencentcloud.clb.v20180317.clb_client import ClbClient

# The SDK reckons its dates in a way that Python has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:datetime.datetime.utcfromtimestamp:DeprecationWarning")

B = {"ListenerId": "lbl-tcp", "InstanceId": "ins-b", "Port": 80}


@pytest.mark.parametrize("start", [Emulator, Emulator.spawn])
def test_both_forms_do_the_same(
    shop: dict[str, Any], sdk: Callable[..., ClbClient], start: Callable[..., Emulator]
) -> None:
    with start(shop, task_seconds=0) as emulator:
        client = sdk(emulator)
        assert emulator.environ() == {
            "TENCENTCLOUD_SECRET_ID": emulator.secret_id,
            "TENCENTCLOUD_SECRET_KEY": emulator.secret_key,
            "TENCENTCLOUD_REGION": "ap-guangzhou",
            "TENCENTCLOUD_CLB_ENDPOINT": emulator.url,
        }
        begin = emulator.now()
        client.call("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [B]})
        assert ("lbl-tcp", None, "ins-b", 80, 10, "") in emulator.bindings("lb-1")
        emulator.unbind("lb-1", B)
        emulator.bind("lb-1", {**B, "Port": 81, "Weight": 5})
        assert ("lbl-tcp", None, "ins-b", 81, 5, "") in emulator.bindings()
        emulator.set_health(dead=["ins-a"])
        assert emulator.min_serving("lbl-tcp") == 1
        emulator.set_health(alive=["ins-a"], dead=["ins-b"])
        assert [entry["outcome"] for entry in emulator.calls("BatchRegisterTargets")] == ["ok"]
        assert emulator.calls()[0]["time"] >= begin
        emulator.clear_journal()
        assert emulator.count() == 0
        emulator.load({"load_balancers": []})
        assert emulator.bindings() == set()
    with pytest.raises(requests.ConnectionError):
        requests.get(emulator.url, timeout=5)


def test_what_is_wrong_in_an_order_is_said(emulate: Callable[..., Emulator]) -> None:
    emulator = emulate()
    with pytest.raises(ValueError, match="fault kind 'unheard'"):
        emulator.add_faults({"kind": "unheard"})
    with pytest.raises(ValueError, match="unknown keys: regoin"):
        emulator.load({"regoin": "ap-tokyo"})


@pytest.mark.parametrize(
    "fault, applies",
    [
        ({"kind": "cut_before"}, False),
        ({"kind": "cut_after"}, True),
        ({"kind": "hang", "seconds": 0.1, "apply": True}, True),
    ],
)
def test_the_connection_is_really_cut(
    emulate: Callable[..., Emulator], sdk: Callable[..., ClbClient], fault: dict[str, Any], applies: bool
) -> None:
    emulator = emulate(task_seconds=0)
    emulator.add_faults({"action": "Batch*", **fault})
    with pytest.raises(TencentCloudSDKException) as caught:
        sdk(emulator).call("BatchRegisterTargets", {"LoadBalancerId": "lb-1", "Targets": [B]})
    assert caught.value.code == "ClientNetworkError"
    assert (len(emulator.bindings()) == 3) is applies


def test_gateway_errors_redirects_and_latency(emulate: Callable[..., Emulator]) -> None:
    emulator = emulate(metadata={"role": "clb-role"}, latency=0.2)
    emulator.add_faults(
        {"action": "MetadataRole", "kind": "http", "status": 503},
        {"action": "MetadataRole", "kind": "redirect", "location": "http://127.0.0.1:9/x"},
    )
    answers = [requests.get(emulator.metadata_url, timeout=5, allow_redirects=False) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 302, 200]
    assert answers[0].headers["Content-Type"] == "text/html"
    assert answers[1].headers["Location"] == "http://127.0.0.1:9/x"
    assert answers[2].text == "clb-role"
    began = time.monotonic()
    answer = requests.post(emulator.url, json={}, timeout=5)
    assert time.monotonic() - began >= 0.2
    # The SDK looks for errors only under exactly this content type.
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["Response"]["Error"]["Code"] == "MissingParameter"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that signs itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "emulator")])
    now = datetime.datetime.fromisoformat(iso(time.time()))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("start", [Emulator, Emulator.spawn])
def test_https(shop: dict[str, Any], certificate: tuple[Path, Path], start: Callable[..., Emulator]) -> None:
    with start(shop, tls=certificate) as emulator:
        assert emulator.url.startswith("https://127.0.0.1:")
        assert requests.post(emulator.url, json={}, timeout=5, verify=str(certificate[0])).status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.post(emulator.url, json={}, timeout=5)
        assert emulator.count() == 1


def run(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "clb_emulator", *arguments]
    return subprocess.Popen(command, cwd=HOME, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_the_command_serves_the_demo(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    with run("--ready-file", str(ready)) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
            assert re.match(r"secret_id: \S+", process.stdout.readline())
            assert re.match(r"secret_key: \S+", process.stdout.readline())
            state = requests.get(f"{url}/_control/state", timeout=5).json()
            assert {item["load_balancer_id"] for item in state} == {"lb-demo"}
            assert ready.read_text(encoding="utf-8") == url
        finally:
            process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize(
    "text, message",
    [(None, "FileNotFoundError"), ("- 1", "holds no mapping"), ("regoin: x", "unknown keys: regoin"), ("a: [", "YAML")],
)
def test_a_bad_scenario_file(tmp_path: Path, text: str | None, message: str) -> None:
    path = tmp_path / "scenario.yml"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with run("--scenario", str(path)) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert message in errors
    assert "Traceback" not in errors
    with pytest.raises((OSError, ValueError)), Emulator(path):
        pass


def test_a_process_that_does_not_start_says_why(shop: dict[str, Any]) -> None:
    with pytest.raises(RuntimeError, match="unknown keys: regoin"), Emulator.spawn(shop, regoin="x"):
        pass
