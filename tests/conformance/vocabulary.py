# Copyright (c) 2026, the tencentcloud.clb contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words that a report may show of a text: those in which the API, the collection and the questions speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clb_emulator.busy import STYLES
from clb_emulator.looks import DESCRIBING
from clb_emulator.params import SCHEMAS, Struct
from clb_emulator.settings import CHOICES

if TYPE_CHECKING:
    from collections.abc import Iterator

_FAMILIES = """
AuthFailure ConnectionFailed DryRunOperation FailedOperation InternalError InvalidAction InvalidArgument
InvalidCredential InvalidParameter InvalidParameterCombination InvalidParameterValue InvalidRequest LimitExceeded
MissingParameter NoSuchProduct NoSuchVersion OperationDenied RequestLimitExceeded RequestSizeLimitExceeded
ResourceInUse ResourceInsufficient ResourceNotFound ResourceUnavailable ResourcesSoldOut ResponseSizeLimitExceeded
ServiceUnavailable UnauthorizedOperation UnexpectedAnswer UnknownParameter UnsupportedOperation UnsupportedProtocol
UnsupportedRegion WaitTimeout
"""
_WORDS = """
a abnormal about above accept accepted account action actions active address addresses after again against alive all
allowed alone already also among an and another answer answered answers any api applied are as asked asks assume at
auth authorized backend backends balance balancer balancers be because been before behind being below between beyond
bind binding bindings body both bound busy but by bytes call calls came can cannot certificate change changed changes
check classic clb close cloud code codes com combination complete concurrent conflict conformance connection could
count counts cpu create credential credentials current currently cut cvm data dead default denied deregister
deregistered des describe desstate device did difference different disabled do documented does domain done duplicate
duplicated each eip else elsewhere empty emulator end ended endpoint english eni entries entry equals error even every
exceed exceeded exceeds exception exist existed exists expected expired fail failed failure false fewer field fields
filter filters find finds finished first for form format forwarding found free frequency frequently from full function
gateway gave gets given got group groups has have header headers health healthy here holds host how html http https id
identity ids if ignored illegal in incorrect input inside instance instances insufficient internal interrupted invalid
ip ipv4 ipv6 is isolated it its json kept key keys kind know known knows lag language larger last later layer layer-4
layer-7 lb least left legal length less letters level like limit limited limits list listed listener listenerid
listenerids listeners load loadbalancer location locationid locked longer look looks made make manages many match
maximum may maybe member members mention message minimum missing mode modify more most must name named names need
needed needs neither network never no nobody node none normal not nothing null number numbers object occurred of off
offline ok on once one ones only open operate operated operating operation operations or order other others out
outcome own page paid parameter parameters pass permission permissions ping please pls point port ports primary
process processed processing protocol provided punycode quic quota range reached read reads reason recognized redirect
reduce refuse refused refuses region register registered registering registers registration repeated request requested
requests required resource resources response result retry right row rule rules run running runs same say scheduler
second seconds secret security see send sent server service session set setting settings shape should show shows sign
signature signed site size slow some something soon sorry sound specific specified specify start started state status
stays still stopped success successful successfully such sufficient support supported supports switched system tag
tags take takes target targetgroup targets task tasks tcp tcp_ssl tell tells temporarily terminated text texts than
that the their then there these they this thought throttled time timeout times timestamp to token told too true try
turn twice two type typed udp unable unavailable unbound unexpected unique unknown unless unsupported until up upgrade
url use used user uses valid value values version vip vpc wait was weight weights what when where which whole why will
with within without words work working write wrong wsname yet you your zero zone
"""
_FIELDS = """
CCN CVM ENI EVM EniId FailListenerIdSet GLOBALROUTE HealthCheck HealthStatus HealthStatusDetail InstanceName NAT
PublicIpAddresses RegisteredTime RequestId Response SRV SessionExpireTime Tags TargetType
"""

FAMILIES = frozenset(_FAMILIES.split())
"""With what an error code can begin."""

WORDS = frozenset(
    {
        *_WORDS.split(),
        *STYLES,
        *(value.lower() for values in CHOICES.values() for value in values),
        "yes",
    }
)
"""Words, in small letters."""


def _names(struct: Struct) -> Iterator[str]:
    for name, kind in struct.fields.items():
        yield name
        member: Any = kind[0] if isinstance(kind, list) else kind
        if isinstance(member, Struct):
            yield from _names(member)


FIELDS = frozenset(
    {*SCHEMAS, *DESCRIBING, *(name for struct in SCHEMAS.values() for name in _names(struct)), *_FIELDS.split()}
)
"""Names of actions, parameters and fields, and types of backends."""
