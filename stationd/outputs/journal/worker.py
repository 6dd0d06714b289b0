"""A thread that reads the journal beside the one that writes, with a connection of its own: a slow question delays no commit."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import structlog

from stationd.outputs.journal import schema

log = structlog.get_logger()

Answer = TypeVar("Answer")
Question = Callable[[sqlite3.Connection], Answer]
TROUBLE = (sqlite3.Error, OSError, ValueError, TypeError, OverflowError, MemoryError)  # what a failing or torn file can answer


class Worker:
    """Answers one question after the other. The thread is a daemon: a disk that hangs does not hold up the end of the program."""

    def __init__(self, name: str, path: Path, *, apart: bool = True) -> None:
        self._path = path
        self._apart = apart  # False: no thread; a question is answered before `submit` returns
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._db: sqlite3.Connection | None = None
        self._stale = False
        self._brief = True  # the file is closed after each question
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin to answer; once is enough."""
        if self._apart and not self._thread.is_alive():
            self._thread.start()

    def close(self) -> None:
        """End after what is being done; does not wait for it. Later questions get an error."""
        self._closed = True
        self._jobs.put(None)
        if not self._apart:
            self._forget()

    def renew(self) -> None:
        """Open the file anew before the next question, as another one may stand under its name, and keep it open."""
        self._stale, self._brief = True, False

    def let_go(self) -> None:
        """Close the file at once, and after each question until `renew`: whoever repairs it must find nobody there."""
        self._brief = True
        if self._apart:
            self._jobs.put(self._forget)
        else:
            self._forget()

    def submit(self, question: Question[Answer], take: Callable[[Answer | Exception], None]) -> None:
        """Have a question answered; `take` is called in the worker's thread with the answer or what went wrong."""
        if self._closed:
            take(OSError("the journal is closed"))
            return
        if self._apart:
            self._jobs.put(lambda: take(self._answer(question)))
        else:
            take(self._answer(question))

    async def ask(self, question: Question[Answer]) -> Answer | Exception:
        """Return the answer, or what went wrong."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer | Exception] = loop.create_future()

        def hand_over(found: Answer | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the event loop has ended meanwhile
                loop.call_soon_threadsafe(_set, answer, found)

        self.submit(question, hand_over)
        return await answer

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()
        self._forget()

    def _answer(self, question: Question[Answer]) -> Answer | Exception:
        try:
            if self._stale:
                self._stale = False
                self._forget()
            if self._db is None:
                self._db = schema.connect_to_read(self._path)
            return question(self._db)
        except TROUBLE as error:
            self._forget()
            return error
        except Exception as error:  # a mistake of ours must not end the thread, or nobody would ever be answered again
            log.exception("the journal was asked what it cannot answer")
            self._forget()
            return error
        finally:
            if self._brief:
                self._forget()

    def _forget(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
        self._db = None


def _set(answer: asyncio.Future[Answer], found: Answer) -> None:
    if not answer.done():
        answer.set_result(found)
