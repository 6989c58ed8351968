"""Freshdesk: what automation rules send, in the form that docs/connect/freshdesk.md gives to paste. Freshdesk signs nothing."""

from streams.hooks import desk
from streams.hooks.delivery import Adapter
from streams.hooks.vendors.desk_form import read

ADAPTER = Adapter(read, desk.TYPES, None, ("complaint",))
