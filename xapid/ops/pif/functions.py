"""Virtual functions of cards (SR-IOV) come and go with the interfaces that stand for them."""

from __future__ import annotations

import logging

from xapid.backends.interface import BackendError, NotFound
from xapid.backends.network.interface import NetworkDriver
from xapid.datamodel import PIF, Host
from xapid.datamodel.errors import NETWORK_SRIOV_DISABLE_FAILED, NETWORK_SRIOV_ENABLE_FAILED
from xapid.datamodel.network_sriov import SriovConfigurationMode
from xapid.rules.sriov import of_logical
from xapid.runtime.context import Context

log = logging.getLogger(__name__)


async def enable(ctx: Context, pif: PIF) -> None:
    """Make the virtual functions that an interface stands for, and note it; those that are there are taken as they are.

    A VLAN on them is up with them. Raises NETWORK_SRIOV_ENABLE_FAILED.
    """
    sriov = of_logical(ctx.store, pif)
    if sriov is not None:
        channel = ctx.network(ctx.store.get(Host, pif.host)).saying(
            BackendError, lambda error: NETWORK_SRIOV_ENABLE_FAILED(pif.ref, error.message)
        )
        try:
            there = await channel.call(NetworkDriver.functions, pif.device)
            by_hand = there.count and sriov.configuration_mode is not SriovConfigurationMode.sysfs
            mode = SriovConfigurationMode.manual if by_hand else SriovConfigurationMode.sysfs
            with ctx.write() as tx:
                # Before they are made: then they are known to be ours whatever happens.
                tx.set(ctx.now(sriov), configuration_mode=mode, requires_reboot=False)
            channel.wait_for(ctx.until)
            await channel.call(NetworkDriver.make_functions, pif.device)
        except NETWORK_SRIOV_ENABLE_FAILED:
            with ctx.write() as tx:
                tx.set(ctx.now(pif), currently_attached=False)
            raise
    with ctx.write() as tx:
        tx.set(ctx.now(pif), currently_attached=True)


async def disable(ctx: Context, pif: PIF) -> None:
    """Take the virtual functions away that we made, and note it; those of a card that is gone went with it.

    Raises NETWORK_SRIOV_DISABLE_FAILED.
    """
    sriov = of_logical(ctx.store, pif)
    if sriov is not None and sriov.configuration_mode is SriovConfigurationMode.sysfs:
        channel = ctx.network(ctx.store.get(Host, pif.host)).letting_through(BackendError)
        try:
            await channel.call(NetworkDriver.remove_functions, pif.device)
        except NotFound:
            log.warning("PIF %s: there is no interface %s any more", pif.uuid, pif.device)
        except BackendError as error:
            raise NETWORK_SRIOV_DISABLE_FAILED(pif.ref, error.message) from error
    with ctx.write() as tx:
        tx.set(ctx.now(pif), currently_attached=False)
