"""Why an operation is refused: what stands in its way, since when, and the call that would clear it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from xapid.datamodel import VBD, VDI, VM, Task
from xapid.datamodel import errors as codes
from xapid.datamodel.errors import ApiError
from xapid.datamodel.task import TaskAllowedOperations
from xapid.datamodel.types import Object
from xapid.store.store import Store


@dataclass(frozen=True)
class Explanation:
    """What a refused client can do."""

    error: tuple[str, ...]
    """Code and parameters, as the call itself would answer."""
    reason: str
    """One sentence or two."""
    blocking: Object
    """The object that stands in the way; the one that was asked about if it is its own state."""
    task: Task | None = None
    """What goes on with it."""
    clear: str = ""
    """Calls after which there is one reason less; empty: none is known."""

    def told(self, now: float) -> Mapping[str, str]:
        """As texts, by their names on the wire. ``now``: seconds since 1970, for the age of the task."""
        blocking, task = self.blocking.__dict__, self.task
        told = {
            "error": self.error[0],
            "parameters": ", ".join(self.error[1:]),
            "reason": self.reason,
            "class": self.blocking.spec.name,
            "ref": self.blocking.ref,
            "uuid": blocking.get("uuid", ""),
            "name_label": blocking.get("name_label", ""),
            "clear": self.clear,
        }
        if task is not None:
            told |= {
                "task": task.ref,
                "task_uuid": task.uuid,
                "task_name_label": task.name_label,
                "task_progress": f"{task.progress:.3f}",
                "task_age": f"{max(0.0, now - task.created.seconds()):.0f}",
            }
        return told


@dataclass(frozen=True)
class Case:
    """A refusal that is looked into."""

    store: Store
    row: Object
    operation: str
    error: ApiError

    def found(self, refs: str) -> Iterator[Object]:
        """The objects of one parameter: a reference, or several in braces."""
        for ref in refs.strip("{}").split(","):
            if (row := self.store.find_any(ref)) is not None:
                yield row


@dataclass(frozen=True)
class Advice:
    """What is known about one kind of error, beyond what its class says."""

    clear: str = ""
    blocking: Object | None = None
    task: Task | None = None
    detail: str = ""


def explain(store: Store, row: Object, operation: str, error: ApiError) -> Explanation:
    """What stands behind an error that refuses an operation on a row."""
    case = Case(store, row, operation, error)
    advise = ADVICE.get(type(error))
    advice = advise(case) if advise is not None else Advice()
    blocking = advice.blocking or _named_last(case) or row
    detail = advice.detail or _texts(case)
    reason = " ".join(filter(None, ((type(error).__doc__ or "").strip() or _in_words(error), detail)))
    return Explanation(tuple(error.description), reason, blocking, advice.task, advice.clear)


def _in_words(error: ApiError) -> str:
    return f"{error.code.replace('_', ' ').capitalize()}: {', '.join(error.args)}".removesuffix(": ") + "."


def _texts(case: Case) -> str:
    """What an error says in words beside the objects it names: of a reason the reason, of a limit the limit."""
    named = zip(type(case.error).params, case.error.args, strict=False)
    said = [f"{name.replace('_', ' ')}: {text}" for name, text in named if text and not any(case.found(text))]
    words = "; ".join(said)
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _named_last(case: Case) -> Object | None:
    """Of the objects that an error names the last one: the first is the one that was asked about."""
    named = [row for arg in case.error.args if (row := case.store.find_any(arg)) is not None]
    return named[-1] if named else None


# What goes on


def _under_way(case: Case) -> Advice:
    _, ref, operations, tasks = case.error.args
    blocking = next(case.found(ref), None)
    running = [row for row in case.found(tasks) if isinstance(row, Task)]
    task = min(running, key=lambda each: each.created, default=None)
    if task is None:
        return Advice("wait until it ends", blocking, None, f"Under way: {operations}.")
    cancel = TaskAllowedOperations.cancel in task.allowed_operations
    clear = f"task.cancel {task.ref}" if cancel else f"wait until task {task.ref} ends; it cannot be cancelled"
    return Advice(clear, blocking, task, f"Under way: {operations}, by {task.name_label}.")


# Power states

TOWARDS: dict[tuple[str, str], str] = {
    ("halted", "running"): "VM.start",
    ("halted", "paused"): "VM.start with start_paused",
    ("paused", "running"): "VM.unpause",
    ("suspended", "running"): "VM.resume",
    ("suspended", "paused"): "VM.resume with start_paused",
    ("running", "paused"): "VM.pause",
    ("running", "suspended"): "VM.suspend",
    ("running", "halted"): "VM.clean_shutdown, or VM.hard_shutdown",
    ("paused", "halted"): "VM.hard_shutdown, or VM.unpause and VM.clean_shutdown",
    ("suspended", "halted"): "VM.hard_shutdown, which discards what the guest had in memory",
    ("paused", "suspended"): "VM.unpause, then VM.suspend",
    ("halted", "suspended"): "VM.start, then VM.suspend",
}
"""The call that brings a machine from one power state to another."""


def _wrong_power_state(case: Case) -> Advice:
    ref, expected, actual = case.error.args
    wanted = [each.strip() for each in expected.replace(";", ",").lower().split(",")]
    row = next(case.found(ref), None)
    if isinstance(row, VM) and row.is_control_domain:
        return Advice("", row, None, "It is the host itself, as a machine: it runs as long as the host does.")
    ways = [f"{TOWARDS[actual.lower(), each]} ({ref})" for each in wanted if (actual.lower(), each) in TOWARDS]
    detail = f"It is {actual}, and would have to be {_either(wanted)}."
    return Advice("; or ".join(ways), row, None, detail)


def _either(words: list[str]) -> str:
    """In words which of several will do."""
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


# Disks and drives


def _holder(case: Case, vdi: VDI) -> VBD | None:
    return next(iter(sorted(case.store.where(VBD, VDI=vdi.ref), key=lambda vbd: not vbd.currently_attached)), None)


def _disk_in_use(case: Case) -> Advice:
    vdi = next((row for row in case.found(case.error.args[0]) if isinstance(row, VDI)), None)
    vbd = _holder(case, vdi) if vdi is not None else None
    vm = case.store.find(VM, vbd.VM) if vbd is not None else None
    if vbd is None or vm is None:
        return Advice("", vdi)
    return Advice(
        f"VBD.unplug {vbd.ref}, or shut down the machine {vm.ref}",
        vbd,
        None,
        f"It is open in the drive {vbd.uuid} of '{vm.name_label}' ({vm.uuid}), which is {vm.power_state.lower()}.",
    )


def _blocked(case: Case) -> Advice:
    ref, why = case.error.args
    return Advice(
        f"VM.remove_from_blocked_operations {ref} {case.operation}", None, None, f"Who blocked it says: {why!r}."
    )


def _contents(kind: str, call: str) -> Callable[[Case], Advice]:
    """Advice for what cannot go while others are in it: the error names them."""

    def advise(case: Case) -> Advice:
        held = [row for arg in case.error.args for row in case.found(arg)]
        return Advice(
            ", ".join(f"{call} {row.ref}" for row in held),
            held[0] if held else None,
            None,
            f"{len(held)} {kind} of it.",
        )

    return advise


def _not_seen(case: Case) -> Advice:
    """A machine needs what no host, or not the one asked for, has: the way there is a plugged PBD or a PIF."""
    needed = _named_last(case)
    call = {"SR": "PBD.plug, for a PBD of {ref}", "network": "PIF.plug, for a PIF of {ref}"}
    text = call.get(needed.spec.name, "") if needed is not None else ""
    return Advice(text.format(ref=needed.ref) if needed is not None else "", needed)


HARD = {"clean_shutdown": "VM.hard_shutdown", "clean_reboot": "VM.hard_reboot"}
"""What does the same without asking the guest."""


def _without_tools(case: Case) -> Advice:
    hard = HARD.get(case.operation)
    return Advice(f"install the guest tools{f', or {hard} {case.row.ref}' if hard else ''}")


def _call(text: str) -> Callable[[Case], Advice]:
    """Advice that takes nothing but the object: ``{ref}`` is its reference."""
    return lambda case: Advice(text.format(ref=case.row.ref))


ADVICE: dict[type[ApiError], Callable[[Case], Advice]] = {
    codes.OTHER_OPERATION_IN_PROGRESS: _under_way,
    codes.VM_BAD_POWER_STATE: _wrong_power_state,
    codes.OPERATION_BLOCKED: _blocked,
    codes.VDI_IN_USE: _disk_in_use,
    codes.VM_IS_TEMPLATE: _call("VM.clone {ref} makes a machine of it; VM.set_is_a_template {ref} false makes it one"),
    codes.VM_IS_SNAPSHOT: _call("VM.clone {ref} makes a machine of it; VM.revert {ref} brings its machine back to it"),
    codes.VM_LACKS_FEATURE: _without_tools,
    codes.DEVICE_ALREADY_ATTACHED: _call("nothing is left to do; to take it away: VBD.unplug or VIF.unplug {ref}"),
    codes.DEVICE_ALREADY_DETACHED: _call("nothing is left to do; to give it back: VBD.plug or VIF.plug {ref}"),
    codes.VBD_IS_EMPTY: _call("VBD.insert {ref} with a disk"),
    codes.VBD_NOT_EMPTY: _call("VBD.eject {ref}"),
    codes.SR_HAS_NO_PBDS: _call("PBD.create, then PBD.plug, for this repository on a host"),
    codes.SR_HAS_PBD: _call("PBD.unplug for each PBD of the repository"),
    codes.HOST_NOT_ENOUGH_FREE_MEMORY: _call("shut down other machines, or give {ref} less memory"),
    codes.NO_HOSTS_AVAILABLE: _call("VM.assert_can_boot_here {ref} with each host says what keeps it from there"),
    codes.HOST_DISABLED: _call("host.enable"),
    codes.HOST_NOT_DISABLED: _call("host.disable {ref}"),
    codes.HOST_NOT_LIVE: _call("switch the host on, or host.destroy if it is gone for good"),
    codes.HOST_CANNOT_ATTACH_NETWORK: _not_seen,
    codes.VM_REQUIRES_SR: _not_seen,
    codes.VM_REQUIRES_NETWORK: _not_seen,
    codes.NETWORK_CONTAINS_VIF: _contents("interfaces are", "VIF.destroy"),
    codes.NETWORK_CONTAINS_PIF: _contents("host interfaces are", "PIF.forget"),
    codes.SR_INDESTRUCTIBLE: _call("SR.remove_from_other_config {ref} indestructible, or SR.forget {ref}"),
    codes.SR_HAS_MULTIPLE_PBDS: _call("PBD.unplug and PBD.destroy for those of other hosts"),
    codes.SR_IS_CACHE_SR: _call("host.disable_local_storage_caching"),
    codes.VM_NO_SUSPEND_SR: _call("VM.set_suspend_SR {ref}, or pool.set_suspend_image_SR"),
    codes.VM_NON_SUSPENDABLE: _call("install the guest tools, or VM.clean_shutdown {ref}"),
    codes.VM_MISSING_PV_DRIVERS: _without_tools,
    codes.VM_IS_PROTECTED: _call("VM.set_ha_restart_priority {ref} with an empty text"),
    codes.VM_IS_PART_OF_AN_APPLIANCE: _call("VM.set_appliance {ref} OpaqueRef:NULL"),
    codes.VM_ASSIGNED_TO_SNAPSHOT_SCHEDULE: _call("VM.set_snapshot_schedule {ref} OpaqueRef:NULL"),
    codes.VM_CANNOT_DELETE_DEFAULT_TEMPLATE: _call("VM.set_is_default_template {ref} false"),
    codes.VCPU_MAX_NOT_CORES_PER_SOCKET_MULTIPLE: _call(
        "VM.set_VCPUs_max {ref}, or VM.remove_from_platform {ref} cores-per-socket"
    ),
    codes.MEMORY_CONSTRAINT_VIOLATION_ORDER: _call(
        "VM.set_memory_limits {ref}: static_min <= dynamic_min <= dynamic_max <= static_max"
    ),
    codes.MEMORY_CONSTRAINT_VIOLATION_MAXPIN: _call(
        "VM.set_memory_limits {ref} with dynamic_min, dynamic_max and static_max alike"
    ),
    codes.VDI_MISSING: _call("bring back the file of the disk and SR.scan its repository, or VDI.forget {ref}"),
}
"""By error, for those where more is known than the error's own sentence says."""
