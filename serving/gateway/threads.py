"""Work that the event loop hands on: queries to a thread, and what must end although the client has gone to a task."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from typing import Any, TypeVar

from django.db import close_old_connections

T = TypeVar("T")
DATABASE_THREADS = ThreadPoolExecutor(8, thread_name_prefix="database")
"""They outlive requests, as what ends with its request would be lost with it. No more than the pool has connections:
whoever waits, waits here."""
_unfinished: set[asyncio.Task[Any]] = set()


async def run_in_database_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a function that queries, and give its connection back before the caller waits for anything else."""

    def run() -> T:
        try:
            return function(*args)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(DATABASE_THREADS, copy_context().run, run)


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
