"""What an error of a back end is in the API: the one place where the one becomes the other."""

from __future__ import annotations

import json
from collections.abc import Callable

from xapid.backends.interface import (
    AlreadyExists,
    BackendError,
    BadConfig,
    Busy,
    Failed,
    InUse,
    NoSpace,
    NotFound,
    NotSupported,
    Unavailable,
)
from xapid.datamodel import VM
from xapid.datamodel.errors import (
    BRIDGE_NAME_EXISTS,
    BRIDGE_NOT_AVAILABLE,
    INTERNAL_ERROR,
    OPERATION_NOT_ALLOWED,
    SR_DEVICE_IN_USE,
    SR_NOT_EMPTY,
    VM_BAD_POWER_STATE,
    ApiError,
    OtherError,
)
from xapid.datamodel.vm import VmPowerState
from xapid.store.store import Store

STORAGE_CODES: dict[type[BackendError], int] = {
    NoSpace: 44,
    InUse: 24,
    NotFound: 46,
    AlreadyExists: 43,
    NotSupported: 38,
    Busy: 37,
    BadConfig: 1,
    Unavailable: 47,
    Failed: 202,
}
"""The number of the storage layer for a kind of error, where the driver names none (fact ``code``)."""

CONFIG_CODES = {
    "size": 79,
    "device": 90,
    "location": 94,
    "target": 95,
    "targetIQN": 96,
    "localIQN": 97,
    "serverpath": 101,
    "server": 102,
    "SCSIid": 107,
}
"""The number for a key of device_config that is missing or wrong (fact ``key``)."""

PLAIN: dict[str, Callable[[], ApiError]] = {
    "16": SR_DEVICE_IN_USE,
    # The storage layer does not know the references that the declared parameters speak of, so it sends none.
    "24": lambda: OtherError("VDI_IN_USE"),
    "39": SR_NOT_EMPTY,
}
"""Numbers which the API knows by a name of their own."""


def to_api_error(error: BackendError, store: Store, backend_kind: str) -> ApiError:
    """The error that a client sees. ``backend_kind`` is domain, datapath, network, host or storage:TYPE.

    An agent that is gone or stopped is 47 ("not available") for storage. For the others it is INTERNAL_ERROR: the codes
    that speak of a dead host (HOST_OFFLINE and its like) would send clients and HA away from a host whose guests run,
    and have no room for the reason. A domain that is gone is a machine that is off, whatever its record says as yet.
    """
    if backend_kind.startswith("storage"):
        return _storage(error)
    if backend_kind == "network" and "bridge" in error.facts:
        if isinstance(error, AlreadyExists):
            return BRIDGE_NAME_EXISTS(error.facts["bridge"])
        if isinstance(error, NotFound):
            return BRIDGE_NOT_AVAILABLE(error.facts["bridge"])
    if isinstance(error, NotFound) and (vm := store.find_uuid(VM, error.facts.get("domain", ""))) is not None:
        return VM_BAD_POWER_STATE(vm.ref, VmPowerState.Running.lower(), VmPowerState.Halted.lower())
    if isinstance(error, NotSupported | InUse | Busy):
        return OPERATION_NOT_ALLOWED(error.message)
    return INTERNAL_ERROR(error.message)


def _storage(error: BackendError) -> ApiError:
    code = error.facts.get("code") or str(_code(error))
    if code in PLAIN:
        return PLAIN[code]()
    if "description" in error.facts:
        # As the driver of a third party has it: code and parameters.
        return OtherError(*json.loads(error.facts["description"]))
    # The three parameters of the original: nothing, the text, and what a probe found (XML).
    return OtherError(f"SR_BACKEND_FAILURE_{code}", "", error.message, error.facts.get("found", ""))


def _code(error: BackendError) -> int:
    if isinstance(error, BadConfig) and (code := CONFIG_CODES.get(error.facts.get("key", ""))):
        return code
    return next((code for kind, code in STORAGE_CODES.items() if isinstance(error, kind)), STORAGE_CODES[Failed])
