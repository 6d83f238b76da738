# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the collection is compared with: a module for one listener, written with the vendor's SDK.

It is what a careful user of the SDK writes around ``RegisterTargets``: it reads what is bound to the listener, sends
what is missing in twenties over one kept-alive connection, waits while the load balancer is locked, and polls each
task to its end. It is only ever run by the benchmark.
"""

from __future__ import annotations

import json
import os
import time
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from tencentcloud.clb.v20180317 import errorcodes, models
from tencentcloud.clb.v20180317.clb_client import ClbClient
from tencentcloud.common.credential import Credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile

MAX_TARGETS = 20
"""Targets in one RegisterTargets."""
POLL_SECONDS = 0.5
WAIT_TIMEOUT_SECONDS = 300.0
BUSY = (errorcodes.FAILEDOPERATION_RESOURCEINOPERATING, "RequestLimitExceeded")
RUNNING, FAILED = 2, 1


def make_client() -> ClbClient:
    endpoint = urlsplit(os.environ["TENCENTCLOUD_CLB_ENDPOINT"])
    http = HttpProfile(protocol=endpoint.scheme, endpoint=endpoint.netloc, keepAlive=True)
    credential = Credential(os.environ["TENCENTCLOUD_SECRET_ID"], os.environ["TENCENTCLOUD_SECRET_KEY"])
    return ClbClient(credential, os.environ["TENCENTCLOUD_REGION"], ClientProfile(httpProfile=http))


def ask(client: ClbClient, action: str, **params: object):
    """Send one request; wait while the load balancer is locked or the rate limit is reached."""
    request = getattr(models, f"{action}Request")()
    request.from_json_string(json.dumps(params))
    deadline = time.monotonic() + WAIT_TIMEOUT_SECONDS
    while True:
        try:
            return getattr(client, action)(request)
        except TencentCloudSDKException as refusal:
            if refusal.get_code() not in BUSY or time.monotonic() > deadline:
                raise
            time.sleep(POLL_SECONDS)


def await_task(client: ClbClient, task_id: str) -> None:
    deadline = time.monotonic() + WAIT_TIMEOUT_SECONDS
    while (status := ask(client, "DescribeTaskStatus", TaskId=task_id).Status) == RUNNING:
        if time.monotonic() > deadline:
            raise TimeoutError(f"the task {task_id} takes longer than {WAIT_TIMEOUT_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    if status == FAILED:
        raise RuntimeError(f"the task {task_id} failed")


def register(client: ClbClient, balancer: str, listener: str, targets: list[dict]) -> int:
    """Bind what is not bound to a layer-4 listener; return how many targets that were."""
    answer = ask(client, "DescribeTargets", LoadBalancerId=balancer, ListenerIds=[listener])
    bound = {(one.InstanceId, one.Port) for one in answer.Listeners[0].Targets or ()}
    missing = [one for one in targets if (one["instance_id"], one["port"]) not in bound]
    for start in range(0, len(missing), MAX_TARGETS):
        batch = [
            {"InstanceId": one["instance_id"], "Port": one["port"], "Weight": one["weight"]}
            for one in missing[start : start + MAX_TARGETS]
        ]
        done = ask(client, "RegisterTargets", LoadBalancerId=balancer, ListenerId=listener, Targets=batch)
        await_task(client, done.RequestId)
    return len(missing)


def main() -> None:
    names = ("load_balancer_id", "listener_id")
    spec = {name: {"type": "str", "required": True} for name in names}
    module = AnsibleModule({**spec, "targets": {"type": "list", "elements": "dict", "required": True}})
    options = module.params
    try:
        count = register(make_client(), options["load_balancer_id"], options["listener_id"], options["targets"])
    except (TencentCloudSDKException, TimeoutError, RuntimeError) as failure:
        module.fail_json(str(failure))
    module.exit_json(changed=count > 0, registered=count)


if __name__ == "__main__":
    main()
