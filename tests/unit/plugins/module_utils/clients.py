# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Makes clients of the API for tests, and the certificates that they meet."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ansible_collections.tencentcloud.clb.plugins.module_utils._api.client import Client
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.endpoint import parse_endpoint
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.pacer import Lane, Pacer
from ansible_collections.tencentcloud.clb.plugins.module_utils._api.transport import Tls
from ansible_collections.tencentcloud.clb.plugins.module_utils._base.budget import Budget
from ansible_collections.tencentcloud.clb.plugins.module_utils._credentials.credentials import (
    Credentials,
    StaticCredentials,
)

KEY_ID, KEY, TOKEN = "AKIDexample", "sEcReTkEy0123456789", "tOkEn/with+signs=="


class FreeLane(Lane):
    """A lane whose turns come at once."""

    def take_turn(self, budget, *, grace=False):
        pass


class FreePacer(Pacer):
    """Lets requests through as fast as they come, for tests of something else than their pace."""

    def lane(self, action):
        return self._lanes.setdefault(action, FreeLane(action))


def make_client(url, *, seconds=20, timeout=5, **how):
    """A client of the CLB API at ``url`` with temporary credentials."""
    how.setdefault("credentials", StaticCredentials(Credentials(KEY_ID, KEY, TOKEN)))
    if "ca_path" in how:
        how["tls"] = Tls(how.pop("ca_path"))
    how.setdefault("pacer", FreePacer())
    how.setdefault("budget", Budget(seconds, timeout))
    details = {"service": "clb", "version": "2018-03-17", "region": "ap-guangzhou", "timeout": timeout}
    return Client(endpoint=parse_endpoint(url), **{**details, **how})


class SkippingBudget(Budget):
    """A budget whose sleeps take no time but count: ``slept`` holds their seconds."""

    def __init__(self, seconds=300, grace=5):
        self.slept = []
        self._skipped = 0.0
        super().__init__(seconds, grace, clock=lambda: self._skipped, pause=self._skip)

    def _skip(self, seconds):
        self.slept.append(seconds)
        self._skipped += seconds


def make_certificate(folder, name="127.0.0.1"):
    """A certificate that signs itself, and its key, as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / f"{name}.crt", folder / f"{name}.key"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths
