"""xapid: a XenAPI-compatible toolstack daemon for Xen and KVM hosts."""

__version__ = "0.1.0"
