"""HTTP, JSON-RPC and streams over the node's services; see README.md beside this file."""

from govchain.api.app import create_app
from govchain.api.settings import ApiSettings

__all__ = ["ApiSettings", "create_app"]
