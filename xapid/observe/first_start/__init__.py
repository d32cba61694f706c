"""The first start: everything that a client finds on a fresh host, made in one transaction."""

from xapid.observe.first_start.installation import first_start as first_start
from xapid.observe.first_start.installation import needed as needed

__all__ = ["first_start", "needed"]
