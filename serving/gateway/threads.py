"""Work that the event loop hands on: queries to a thread, and what must end although the client has gone to a task."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing
from contextvars import copy_context
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

from cftapp.access.databases import POOL_SIZE

T = TypeVar("T")
THREADS = POOL_SIZE * 3 // 8
ASKING = ThreadPoolExecutor(THREADS, thread_name_prefix="asking")
RECORDING = ThreadPoolExecutor(THREADS, thread_name_prefix="recording")
"""They outlive requests, as what ends with its request would be lost with it. Recordings that wait, up to ten seconds
for the vault, keep other recordings waiting but no question. Each has three eighths of the pool: a quarter is left to
pages, and whoever waits, waits here."""
_unfinished: set[asyncio.Task[Any]] = set()


async def run_in_database_thread(function: Callable[..., T], *args: Any, threads: Executor = ASKING) -> T:
    """Run a function that queries, and give its connection back before the caller waits for anything else."""

    def run() -> T:
        try:
            return function(*args)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, run)


async def without_connection(items: AsyncGenerator[T]) -> AsyncIterator[T]:
    """All items, after the thread of the request gave back its connection: that saved the session of the request."""
    await sync_to_async(close_old_connections)()
    async with aclosing(items):
        async for item in items:
            yield item


async def shielded(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; if the waiting is cancelled, because the client has gone, `work` goes on to its end."""
    return await asyncio.shield(_task(work))


async def finished(items: AsyncIterator[T], within: AbstractAsyncContextManager[None]) -> AsyncIterator[T]:
    """Everything that `items` yields, which goes on to its end in a task, inside `within`, though nobody listens."""
    queue: asyncio.Queue[T | None] = asyncio.Queue()

    async def produce() -> None:
        try:
            async with within:
                async for item in items:
                    queue.put_nowait(item)
        finally:
            queue.put_nowait(None)

    task = _task(produce())
    while (item := await queue.get()) is not None:
        yield item
    await task


def _task(work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """A task that lives although nobody waits for it."""
    task = asyncio.create_task(work)
    _unfinished.add(task)
    task.add_done_callback(_unfinished.discard)
    return task
