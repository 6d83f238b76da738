# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Documentation shared by the modules and plugins: the connection options."""

from __future__ import annotations


class ModuleDocFragment:
    """The connection options; their argument spec is ``CONNECTION_SPEC`` in ``module_utils/_tasks/``."""

    DOCUMENTATION = r"""
options:
  secret_id:
    description:
      - The ID of the API key.
      - The plugins look for credentials in this order and use the first that they find.
      - "1. The options O(secret_id) and O(secret_key), or else O(profile)."
      - "2. The environment variables E(TENCENTCLOUD_SECRET_ID), E(TENCENTCLOUD_SECRET_KEY) and, for temporary
        credentials, E(TENCENTCLOUD_TOKEN) or E(TENCENTCLOUD_SECURITY_TOKEN)."
      - "3. A profile of the command line C(tccli), else of the vendor's SDKs."
      - "4. The identity that TKE gives to a pod: E(TKE_ROLE_ARN), E(TKE_PROVIDER_ID), E(TKE_WEB_IDENTITY_TOKEN_FILE)."
      - "5. The role of the CVM on which the task runs, from the metadata service.
        E(TENCENTCLOUD_METADATA_ENDPOINT) replaces its URL."
      - If O(role_arn) is given, the plugins then assume that role with these credentials.
      - A secret_id without a secret_key is an error. So is a secret_key without a secret_id. With C(-vvv), results and
        the inventory name the source of the credentials.
    type: str
  secret_key:
    description: The secret key of the API key O(secret_id). It has at least 8 characters.
    type: str
  token:
    description: The token of temporary credentials. Give O(secret_id) and O(secret_key) with it.
    type: str
  profile:
    description:
      - "The name of a profile: the file C(~/.tccli/NAME.credential) of the command line C(tccli), or else the section
        C([NAME]) of C(~/.tencentcloud/credentials) or C(/etc/tencentcloud/credentials)."
      - This option is used before the environment variables of O(secret_id).
      - "Default: E(TENCENTCLOUD_PROFILE), then E(TCCLI_PROFILE), then the profile V(default). Their keys are used only
        if E(TENCENTCLOUD_SECRET_ID) is not set."
    type: str
  role_arn:
    description:
      - A role that the plugins assume with these credentials. The temporary credentials are renewed before they end.
      - "Default: E(TENCENTCLOUD_ROLE_ARN), then E(TENCENTCLOUD_ASSUME_ROLE_ARN), then the role in the profile. The
        profile's role is used only if the profile's keys are used, or if O(profile) or its variables name it."
    type: str
  role_session_name:
    description:
      - The session name of an assumed role. The audit log of the account shows it.
      - "Default: E(TENCENTCLOUD_ROLE_SESSION_NAME), then E(TENCENTCLOUD_ASSUME_ROLE_SESSION_NAME), then the profile's
        session name, then V(ansible-tencentcloud-clb)."
    type: str
  role_session_duration:
    description:
      - The lifetime of an assumed role's credentials in seconds, V(1) to V(43200).
      - "Default: E(TENCENTCLOUD_ASSUME_ROLE_SESSION_DURATION), then V(7200)."
    type: int
  region:
    description:
      - The region of the load balancer, such as V(ap-guangzhou).
      - "Default: E(TENCENTCLOUD_REGION), then the region in C(~/.tccli/NAME.configure) of the profile, then
        E(TKE_REGION)."
    type: str
  endpoint:
    description:
      - The address of the CLB API, as a host, C(host:port) or URL.
      - "Default: E(TENCENTCLOUD_CLB_ENDPOINT), then V(clb.intl.tencentcloudapi.com), the international site."
      - An account of the China site needs V(clb.tencentcloudapi.com). Inside a VPC, V(clb.internal.tencentcloudapi.com)
        answers too. Keys of one site are not valid on the other.
      - V(http://) is accepted for loopback addresses only.
    type: str
  sts_endpoint:
    description:
      - The address of the Security Token Service (STS), in the same forms as O(endpoint). It is used only to assume a
        role.
      - "Default: E(TENCENTCLOUD_STS_ENDPOINT), then O(endpoint) with C(sts) in place of C(clb). For an O(endpoint)
        outside of C(tencentcloudapi.com), the default is V(sts.intl.tencentcloudapi.com)."
    type: str
  timeout:
    description: The longest time of one HTTP request in seconds, V(1) to V(3600).
    type: int
    default: 30
  ca_path:
    description:
      - A file or folder with PEM certificates of a private authority. The endpoint's certificate is checked with them.
      - "Default: E(REQUESTS_CA_BUNDLE), then E(CURL_CA_BUNDLE), then the public authorities."
      - The check cannot be switched off.
    type: path
notes:
  - Keys and endpoint must belong to the same site. The default O(endpoint) belongs to the international site.
requirements:
  - requests
"""
