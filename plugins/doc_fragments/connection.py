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
      - Credentials are looked for in this order, and the first hit wins.
      - "1. The options O(secret_id) and O(secret_key), or else O(profile)."
      - "2. The environment variables E(TENCENTCLOUD_SECRET_ID), E(TENCENTCLOUD_SECRET_KEY) and, for temporary
        credentials, E(TENCENTCLOUD_TOKEN) or E(TENCENTCLOUD_SECURITY_TOKEN)."
      - "3. A profile of the command line C(tccli), else of the vendor's SDKs."
      - "4. The identity that TKE gives to a pod: E(TKE_ROLE_ARN), E(TKE_PROVIDER_ID), E(TKE_WEB_IDENTITY_TOKEN_FILE)."
      - "5. The role of the CVM on which the task runs, from the metadata service, whose URL
        E(TENCENTCLOUD_METADATA_ENDPOINT) can replace."
      - With any of these, O(role_arn) is assumed on top.
      - Half of a pair is an error. With C(-vvv), results and the inventory tell where the credentials come from.
    type: str
  secret_key:
    description: The key that belongs to O(secret_id).
    type: str
  token:
    description: The token of temporary credentials, along with O(secret_id) and O(secret_key).
    type: str
  profile:
    description:
      - "The name of a profile: the file C(~/.tccli/NAME.credential) of the command line C(tccli), or else the section
        C([NAME]) of C(~/.tencentcloud/credentials) or C(/etc/tencentcloud/credentials)."
      - As an option, it comes before the environment.
      - Where it is not given, E(TENCENTCLOUD_PROFILE) or E(TCCLI_PROFILE) is used, or else the profile V(default),
        all of them after the environment.
    type: str
  role_arn:
    description:
      - A role to assume with the credentials that were found. The temporary credentials are renewed before they end.
      - Where it is not given, E(TENCENTCLOUD_ROLE_ARN) or E(TENCENTCLOUD_ASSUME_ROLE_ARN) is used, or else the role in
        the profile, if the credentials are the profile's or the profile is named.
    type: str
  role_session_name:
    description:
      - The name of the session in which a role is assumed, as the audit log of the account shows it.
      - Where it is not given, E(TENCENTCLOUD_ROLE_SESSION_NAME) or E(TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME) is used, or
        else the profile's, or else V(ansible-tencentcloud-clb).
    type: str
  role_session_duration:
    description:
      - For how many seconds a role is assumed each time, 1 to 43200.
      - Where it is not given, E(TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION) is used, or else V(7200).
    type: int
  region:
    description:
      - The region of the load balancer, such as V(ap-guangzhou).
      - Where it is not given, E(TENCENTCLOUD_REGION) is used, or else the region in C(~/.tccli/NAME.configure) of the
        profile, or else E(TKE_REGION).
    type: str
  endpoint:
    description:
      - Where the CLB API is, as a host, C(host:port) or URL.
      - Where it is not given, E(TENCENTCLOUD_CLB_ENDPOINT) is used, or else V(clb.intl.tencentcloudapi.com).
      - The China site is V(clb.tencentcloudapi.com), from inside a VPC V(clb.internal.tencentcloudapi.com).
      - V(http://) is accepted for loopback addresses only.
    type: str
  sts_endpoint:
    description:
      - Where the Security Token Service (STS) is, in the same forms as O(endpoint). It is asked only to assume a role.
      - Where it is not given, E(TENCENTCLOUD_STS_ENDPOINT) is used, or else the site of O(endpoint), with C(sts) in
        place of C(clb). For an O(endpoint) outside of C(tencentcloudapi.com), it is V(sts.intl.tencentcloudapi.com).
    type: str
  timeout:
    description: Seconds for one HTTP request, V(1) to V(3600).
    type: int
    default: 30
  ca_path:
    description:
      - A file or folder with the certificates of a private authority, to check the endpoint's certificate with.
      - Where it is not given, E(REQUESTS_CA_BUNDLE) or E(CURL_CA_BUNDLE) is used, or else the usual authorities.
      - The check can't be switched off.
    type: path
requirements:
  - requests
"""
