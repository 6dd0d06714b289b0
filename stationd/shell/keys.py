"""The keyboard of the shell on a terminal that can move its cursor: one line, edited in place, with `?` and the Tab key.

Built on prompt_toolkit, which only this module knows and which is loaded when a shell begins. It adds no menu, no suggestion and no
colour, and asks the terminal nothing. Three things are ours: `?` prints what may follow and leaves the line as it is; the Tab key writes
only what harms nobody; and Enter that came together with the line was pressed by nobody, so that such a line waits for another one
unless it only looks or notes. Follows xterm's bracketed paste, which other terminals ignore.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Protocol

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.data_structures import Size as ToolkitSize
from prompt_toolkit.filters import has_focus, is_searching
from prompt_toolkit.history import History
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import clear_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from stationd.shell import suggested
from stationd.shell.grammar.suggest import Names
from stationd.shell.outlet import Outlet
from stationd.shell.settings import Size
from stationd.shell.typing_in import AT_ONCE, How, Idle, Typed, too_quick

PASTED = "This came in one piece, and it acts. Read it, then press Enter."


class Harmless(Protocol):
    """Says of a line whether it may be carried out though nobody has typed it; `pasted`: the terminal has marked it so."""

    def __call__(self, line: str, *, pasted: bool) -> bool:
        """Return that."""


class Recalled(History):
    """The lines for the arrow keys. The toolkit adds nothing: which lines are remembered is known when they are understood."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = list(lines)

    async def load(self) -> AsyncGenerator[str, None]:
        """Give them, newest first."""
        for line in reversed(self._lines):
            yield line

    def load_history_strings(self) -> Iterable[str]:
        """Return them, newest first."""
        return reversed(self._lines)

    def store_string(self, string: str) -> None:
        """Store nothing."""

    def append_string(self, string: str) -> None:
        """Take nothing from the toolkit."""

    def add(self, line: str) -> None:
        """Take a line that may be brought back."""
        self._lines.append(line)


class Keyboard:
    """Reads lines. `harmless` says of a line whether Enter may carry it out that came with it; `size` how large the terminal is."""

    def __init__(
        self, outlet: Outlet, lines: Sequence[str], names: Names, harmless: Harmless, size: Callable[[], Size],
        idle_s: float | None, term: str,
    ) -> None:  # fmt: skip
        self._outlet = outlet
        self._names = names
        self._harmless = harmless
        self._idle_s = idle_s
        self._prompt = ""
        self._touched = time.monotonic()
        self._came = 0  # signs in this read
        self._signs, self._first = 0, 0.0  # those of this line, and when the first of them came
        self._pasted = False
        self.recalled = Recalled(lines)
        self._input = create_input(sys.stdin)
        output = Vt100_Output(sys.stdout, lambda: ToolkitSize(size().rows, size().columns), term, ColorDepth.DEPTH_1_BIT, enable_cpr=False)
        self._session: PromptSession[str] = PromptSession(
            history=self.recalled, key_bindings=self._bindings(), complete_while_typing=False, input=self._input, output=output,
            color_depth=ColorDepth.DEPTH_1_BIT, reserve_space_for_menu=0, include_default_pygments_style=False,
        )  # fmt: skip
        self._buffer = self._session.default_buffer
        self._buffer.accept_handler = self._accepted
        self._buffer.on_text_insert += self._inserted
        self._app = self._session.app
        self._app.key_processor.before_key_press += self._touch
        self._block: Sequence[str] = ()

    def line(self, prompt: str) -> Typed:
        """Return what is typed. EOFError at the end of the input, KeyboardInterrupt for Ctrl-C, Idle."""
        self._anew(prompt)
        with self._outlet.prompting(self._wake):
            text = self._session.prompt(prompt, pre_run=self._begun)
        return Typed(self._block, How.BLOCK) if self._block else Typed([text])

    def _anew(self, prompt: str) -> None:
        self._prompt, self._block, self._signs, self._touched = prompt, (), 0, time.monotonic()

    def forget_ahead(self) -> None:
        """Throw away what was typed while something else was asked."""
        clear_typeahead(self._input)

    # While it is typed.

    def _bindings(self) -> KeyBindings:
        bindings = KeyBindings()
        typing = has_focus("DEFAULT_BUFFER") & ~is_searching
        bindings.add("?", filter=typing)(self._asked)
        bindings.add("c-i", filter=typing)(self._tab)
        bindings.add(Keys.BracketedPaste, filter=typing)(self._paste)
        return bindings

    def _asked(self, event: KeyPressEvent) -> None:
        text = event.current_buffer.document.text_before_cursor
        if suggested.place(text) is None:
            event.current_buffer.insert_text("?")
            return
        self._above([f"{self._prompt}{event.current_buffer.text}?", *suggested.may_follow(text)])

    def _tab(self, event: KeyPressEvent) -> None:
        found = suggested.completed(event.current_buffer.document.text_before_cursor, self._names)
        if found.more:
            event.current_buffer.insert_text(found.more)
        elif found.options:
            self._above([f"{self._prompt}{event.current_buffer.text}", *suggested.in_columns(found.options)])

    def _paste(self, event: KeyPressEvent) -> None:
        """Insert one line to be looked at; of several make one block, whose commands are judged each by itself."""
        lines = [_clean(line) for line in event.data.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")]
        if len(lines) == 1:
            self._mark(pasted=True)
            event.current_buffer.insert_text(lines[0])
            return
        self._block = [event.current_buffer.text + lines[0], *lines[1:]]
        event.app.exit(result="")

    def _accepted(self, buffer: Buffer) -> bool:
        """End the line, unless nobody has pressed this Enter. True: the text stays where it is."""
        nobody = self._pasted or self._came > AT_ONCE or too_quick(self._signs, time.monotonic() - self._first)
        if nobody and not self._harmless(buffer.text, pasted=self._pasted):
            self._signs = 0
            self._above([PASTED])
        else:
            self._app.exit(result=buffer.text)
        return True

    def _inserted(self, _: Buffer) -> None:
        if self._signs == 0:
            self._first = time.monotonic()
        self._signs += 1
        self._came += 1
        if self._came == 1:
            self._mark()

    def _mark(self, *, pasted: bool = False) -> None:
        """Note what has come in this read; with the next one it is a person's again."""
        self._pasted = self._pasted or pasted
        asyncio.get_running_loop().call_soon(self._next_read)

    def _next_read(self) -> None:
        self._came, self._pasted = 0, False

    # Above the prompt.

    def _above(self, lines: Sequence[str]) -> None:
        self._print("".join(f"{row}\n" for row in lines))

    def _print(self, text: str) -> None:
        """Write whole lines in the place of the prompt, which is then written under them.

        The terminal stays as it is meanwhile: a key that is pressed now is neither lost nor shown twice.
        """
        self._app.renderer.erase()
        self._outlet.write(text.replace("\n", "\r\n"))
        self._app.invalidate()

    def _wake(self) -> None:
        loop = self._app.loop
        if loop is not None:  # else what waits is looked for when the prompt begins
            with contextlib.suppress(RuntimeError):  # the loop has just ended: it is said right after that
                loop.call_soon_threadsafe(self._news)

    def _news(self) -> None:
        if self._outlet.waiting and self._app.is_running and not self._app.is_done:
            self._print(self._outlet.taken())

    def _begun(self) -> None:
        asyncio.get_running_loop().call_soon(self._news)
        if self._idle_s is not None:
            self._app.create_background_task(self._idle(self._idle_s))

    async def _idle(self, limit_s: float) -> None:
        while (left_s := self._touched + limit_s - time.monotonic()) > 0:
            await asyncio.sleep(left_s)
        if not self._app.is_done:
            self._app.exit(exception=Idle)

    def _touch(self, _: object) -> None:
        self._touched = time.monotonic()


def _clean(text: str) -> str:
    """Return pasted text without anything that acts on a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
