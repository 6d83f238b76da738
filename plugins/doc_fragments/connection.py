# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by the modules and plugins: the connection options."""

from __future__ import annotations


class ModuleDocFragment:
    """The connection options; their argument spec is in ``module_utils/_module.py``."""

    DOCUMENTATION = r"""
options:
  secret_id:
    description:
      - The ID of the API key.
      - "Credentials are looked for in this order, and the first hit wins: these options, the environment
        (E(TENCENTCLOUD_SECRET_ID), E(TENCENTCLOUD_SECRET_KEY), E(TENCENTCLOUD_TOKEN)), profile files, the pod identity of TKE,
        the role of the CVM."
    type: str
  secret_key:
    description: The key that belongs to O(secret_id).
    type: str
  token:
    description: The token of temporary credentials, along with O(secret_id) and O(secret_key).
    type: str
  profile:
    description: The name of a profile. Given as an option, it comes before the environment.
    type: str
  role_arn:
    description: A role to assume with the credentials that were found.
    type: str
  role_session_name:
    description: The name of the session in which O(role_arn) is assumed.
    type: str
  role_session_duration:
    description: For how many seconds O(role_arn) is assumed.
    type: int
  region:
    description:
      - The region of the load balancer, such as V(ap-guangzhou).
      - Where it is not given, E(TENCENTCLOUD_REGION) is used.
    type: str
  endpoint:
    description:
      - Where the CLB API is, as a host, C(host:port) or URL.
      - Where it is not given, E(TENCENTCLOUD_CLB_ENDPOINT) is used, or else V(clb.intl.tencentcloudapi.com).
      - The China site is V(clb.tencentcloudapi.com), from inside a VPC V(clb.internal.tencentcloudapi.com).
      - V(http://) is accepted for loopback addresses only.
    type: str
  sts_endpoint:
    description: Where the STS API is, in the same forms as O(endpoint).
    type: str
  timeout:
    description: Seconds for one HTTP request.
    type: int
    default: 30
  ca_path:
    description: A file or folder with the certificates of a private authority, to check the endpoint's certificate with.
    type: path
requirements:
  - requests
"""
