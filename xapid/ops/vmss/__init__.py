"""Messages of class VMSS: schedules by which snapshots are taken."""

from xapid.ops.vmss.settings import add_to_schedule as add_to_schedule
from xapid.ops.vmss.settings import create as create
from xapid.ops.vmss.settings import destroy as destroy
from xapid.ops.vmss.settings import remove_from_schedule as remove_from_schedule
from xapid.ops.vmss.settings import set_frequency as set_frequency
from xapid.ops.vmss.settings import set_last_run_time as set_last_run_time
from xapid.ops.vmss.settings import set_retained_snapshots as set_retained_snapshots
from xapid.ops.vmss.settings import set_schedule as set_schedule
from xapid.ops.vmss.settings import set_type as set_type
from xapid.ops.vmss.taking import snapshot_now as snapshot_now
