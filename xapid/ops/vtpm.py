"""Messages of class VTPM: the TPM of a machine. What it keeps is a secret that names it."""

from __future__ import annotations

import base64
import binascii

from xapid.backends.domain.interface import Tpm
from xapid.datamodel import VM, VTPM, Secret
from xapid.datamodel.errors import HANDLE_INVALID, INTERNAL_ERROR, OtherError
from xapid.datamodel.map_keys import TPM_OF_SECRET
from xapid.datamodel.vm import VmOperations
from xapid.datamodel.vtpm import VtpmOperations
from xapid.rules.features import restricted
from xapid.runtime.context import Context
from xapid.store.store import Store
from xapid.store.transaction import Transaction


async def create(ctx: Context, vM: VM, is_unique: bool) -> str:
    """Give a machine a TPM that is empty. One that is unique is empty in copies too."""
    if restricted(ctx.store, "vtpm"):
        raise OtherError("FEATURE_RESTRICTED", "restrict_vtpm")
    async with ctx.operation(vM, VmOperations.create_vtpm):
        with ctx.write() as tx:
            return str(record(tx, vM.ref, unique=is_unique).ref)


def record(tx: Transaction, vm: str, *, unique: bool, contents: str = "") -> VTPM:
    vtpm = tx.create(VTPM, VM=vm, is_unique=unique)
    tx.create(Secret, value=contents, other_config={TPM_OF_SECRET.name: vtpm.uuid})
    return vtpm


async def destroy(ctx: Context, self: VTPM) -> None:
    async with ctx.operation(self, VtpmOperations.destroy):
        with ctx.write() as tx:
            remove(tx, ctx.store, ctx.now(self))


def remove(tx: Transaction, store: Store, vtpm: VTPM) -> None:
    """Forget a TPM and what it kept."""
    secret = _secret(store, vtpm)
    if secret is not None:
        tx.delete(secret)
    tx.delete(vtpm)


def copy_all(tx: Transaction, store: Store, source: str, target: str) -> None:
    """Give a machine what another one has of TPMs, with what they keep; unique ones come empty."""
    for vtpm in store.where(VTPM, VM=source):
        secret = None if vtpm.is_unique else _secret(store, vtpm)
        record(tx, target, unique=vtpm.is_unique, contents="" if secret is None else secret.value)


def tpm_of(store: Store, vm: VM) -> Tpm | None:
    """What the machine is started with; None: it has no TPM."""
    vtpm = next(iter(store.where(VTPM, VM=vm.ref)), None)
    if vtpm is None:
        return None
    secret = _secret(store, vtpm)
    return Tpm(b"" if secret is None else base64.b64decode(secret.value))


def keep(tx: Transaction, store: Store, vm: VM, contents: bytes) -> None:
    """Record what the TPM of a machine, if it still has one, keeps."""
    text = base64.b64encode(contents).decode()
    for vtpm in store.where(VTPM, VM=vm.ref):
        old = _secret(store, vtpm)
        if old is None or old.value != text:
            _replace(tx, vtpm, old, text)


def _replace(tx: Transaction, vtpm: VTPM, old: Secret | None, contents: str) -> None:
    if old is not None:
        tx.delete(old)
    tx.create(Secret, value=contents, other_config={TPM_OF_SECRET.name: vtpm.uuid})


def _secret(store: Store, vtpm: VTPM) -> Secret | None:
    return next((row for row in store.all(Secret) if TPM_OF_SECRET.of(row) == vtpm.uuid), None)


def get_contents(ctx: Context, self: VTPM) -> str:
    secret = _secret(ctx.store, self)
    if secret is None:
        raise HANDLE_INVALID("secret", "")
    ctx.shown(secret)
    return secret.value


def set_contents(ctx: Context, self: VTPM, contents: str) -> None:
    """Base64, as the process that plays the TPM saves it. A new secret takes the place of the old one."""
    try:
        base64.b64decode(contents, validate=True)
    except (binascii.Error, ValueError) as error:
        raise INTERNAL_ERROR(f"contents that are no Base64: {error}") from error
    old = _secret(ctx.store, self)
    with ctx.write() as tx:
        _replace(tx, self, old, contents)
