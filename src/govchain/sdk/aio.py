"""The client for programs with an event loop: the same calls, each awaited, over the one implementation.

Purpose: ``client.aio`` has every call of :class:`~govchain.sdk.client.Client` under the same name with the same
parameters, as a coroutine. Rules: there is no second implementation: a call runs in a worker thread, of which
:data:`THREADS` work for one client, so that the loop never waits; answers are checked one at a time, waiting for
receipts is not. Cancelling stops waiting, not the call: what was sent may still be committed, and sending the same
transaction again gives its receipt.
Not here: anything else.

Example::

    client = Client(transport, trust=store.trusted(), signer=key)
    records = await asyncio.gather(*(client.aio.put_file(file) for file in files))
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from govchain.sdk.client import Client

__all__ = ["THREADS", "AsyncClient"]

#: Calls of one client that run at the same time; more wait for their turn.
THREADS: Final = 16

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[Client, P], R],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    """``method`` of the client as a coroutine of the same parameters."""

    @functools.wraps(method)
    async def call(self: AsyncClient, /, *given: P.args, **named: P.kwargs) -> R:
        run = functools.partial(method, self.client, *given, **named)
        return await asyncio.get_running_loop().run_in_executor(self.threads, run)

    return call


class AsyncClient:
    """The calls of ``client``, awaited. See the module; each is documented in the client's class."""

    def __init__(self, client: Client) -> None:
        """Make it by :attr:`~govchain.sdk.client.Client.aio`."""
        self.client = client
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="govchain-client")

    def close(self) -> None:
        """End the worker threads once their calls have ended; the client itself stays usable."""
        self.threads.shutdown(wait=True)

    login = _awaited(Client.login)
    logout = _awaited(Client.logout)

    prepare = _awaited(Client.prepare)
    send = _awaited(Client.send)
    submit = _awaited(Client.submit)
    transaction = _awaited(Client.transaction)

    chain_status = _awaited(Client.chain_status)
    blocks = _awaited(Client.blocks)
    block = _awaited(Client.block)
    events = _awaited(Client.events)

    put_file = _awaited(Client.put_file)
    put_batch = _awaited(Client.put_batch)
    prepare_file = _awaited(Client.prepare_file)
    prepare_batch = _awaited(Client.prepare_batch)
    supplement = _awaited(Client.supplement)
    supersede = _awaited(Client.supersede)
    withdraw = _awaited(Client.withdraw)
    recover = _awaited(Client.recover)

    record = _awaited(Client.record)
    status = _awaited(Client.status)
    find = _awaited(Client.find)
    find_file = _awaited(Client.find_file)
    find_digest = _awaited(Client.find_digest)
    history = _awaited(Client.history)
    export_package = _awaited(Client.export_package)

    register = _awaited(Client.register)
    freeze = _awaited(Client.freeze)
    unfreeze = _awaited(Client.unfreeze)
    find_account = _awaited(Client.find_account)
    accounts = _awaited(Client.accounts)
    organisations = _awaited(Client.organisations)
