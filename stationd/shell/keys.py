"""The keyboard of the shell on a terminal that can move its cursor: one line, edited in place, with `?` and the Tab key.

Built on prompt_toolkit, which only this module knows and which is loaded when a shell begins. It adds no menu, no suggestion and no
colour, and asks the terminal nothing. Three things are ours: `?` prints what may follow and leaves the line as it is; the Tab key writes
only what harms nobody; and a line that acts and was not typed by hand at this very prompt is shown, and waits for an Enter of its own.
Nothing brings a line back that was typed at an earlier prompt but the history: what was cut is forgotten with its line, and no key records
others. Follows xterm's bracketed paste, which other terminals ignore.
"""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from prompt_toolkit import PromptSession
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.clipboard import InMemoryClipboard
from prompt_toolkit.data_structures import Size as ToolkitSize
from prompt_toolkit.filters import Condition, has_focus, is_searching
from prompt_toolkit.history import History
from prompt_toolkit.input import create_input
from prompt_toolkit.input.typeahead import clear_typeahead, get_typeahead, store_typeahead
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys
from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output

from stationd.shell import suggested
from stationd.shell.grammar.suggest import Names
from stationd.shell.outlet import Outlet
from stationd.shell.screens.typeset import ascii_only, wrapped
from stationd.shell.settings import Size
from stationd.shell.typing_in import SHOWN, Hand, Harmless, How, Idle, Typed

RECORDING = (("c-x", "("), ("c-x", ")"), ("c-x", "e"))  # keys that record others and press them again


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
    """Reads lines. `again` gives the prompt as it is where it is printed once more; `size` says how large the terminal is."""

    def __init__(
        self, outlet: Outlet, lines: Sequence[str], names: Names, harmless: Harmless, again: Callable[[], str],
        size: Callable[[], Size], idle_s: float | None, term: str,
    ) -> None:  # fmt: skip
        self._outlet = outlet
        self._names = names
        self._harmless = harmless
        self._again = again
        self._idle_s = idle_s
        self._prompt = ""
        self._touched = time.monotonic()
        self._hand = Hand()
        self._length = 0  # of the text as it was before the last change
        self._pasted = False  # in this read
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
        self._buffer.on_text_changed += self._changed
        self._app = self._session.app
        self._app.key_processor.before_key_press += self._touch
        self._block: Sequence[str] = ()

    def line(self, prompt: Callable[[], str]) -> Typed:
        """Return what is typed. EOFError at the end of the input, KeyboardInterrupt for Ctrl-C, Idle."""
        self._anew()
        with self._outlet.prompting(self._wake), self._input.raw_mode():
            self._prompt, self._hand = prompt(), Hand()
            if self._waits():
                self._hand.came_otherwise()  # what waits before the prompt was typed by nobody who has seen it
            text = self._session.prompt(lambda: self._prompt, pre_run=self._begun)
        return Typed(self._block, How.BLOCK) if self._block else Typed([text])

    def _anew(self) -> None:
        self._block, self._length, self._pasted, self._touched = (), 0, False, time.monotonic()
        self._session.clipboard = InMemoryClipboard()

    def _waits(self) -> bool:
        """Return whether keys were pressed before the prompt stands: those of the last read, and those that nobody has read."""
        ahead = get_typeahead(self._input)
        store_typeahead(self._input, ahead)
        return bool(ahead) or bool(select.select([self._input.fileno()], [], [], 0.0)[0])

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
        bindings.add(Keys.Any, filter=typing & Condition(lambda: self._hand.shows))(self._instead)
        for keys in RECORDING:
            bindings.add(*keys)(_nothing)
        return bindings

    def _instead(self, event: KeyPressEvent) -> None:
        """Begin another line: whoever types instead of Enter does not want the one that was shown to him."""
        event.current_buffer.text = ""
        event.current_buffer.insert_text(event.data)

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
            self._mark()
            event.current_buffer.insert_text(lines[0])
            self._hand.came_otherwise()
            return
        self._block = [event.current_buffer.text + lines[0], *lines[1:]]
        event.app.exit(result="")

    def _accepted(self, buffer: Buffer) -> bool:
        """End the line, unless it acts and nobody has typed it. True: the text stays where it is."""
        shows = self._hand.shows
        if self._hand.enters(time.monotonic()) or self._harmless(buffer.text, pasted=self._pasted):
            self._app.exit(result=buffer.text)
        elif not shows:
            self._above([f"{self._prompt}{ascii_only(buffer.text)}", *wrapped(SHOWN)])
            self._hand.shown(time.monotonic())
        return True

    def _inserted(self, _: Buffer) -> None:
        self._hand.signed(time.monotonic())

    def _changed(self, buffer: Buffer) -> None:
        """Note what no hand types: several signs by one key, such as what was cut, or a line of the history."""
        self._hand.edited()
        if len(buffer.text) > self._length + 1:
            self._hand.came_otherwise()
        self._length = len(buffer.text)

    def _mark(self) -> None:
        """Note that this read was pasted; an Enter of the next one is a person's again."""
        self._pasted = True
        asyncio.get_running_loop().call_soon(self._next_read)

    def _next_read(self) -> None:
        self._pasted = False

    # Above the prompt.

    def _above(self, lines: Sequence[str]) -> None:
        self._print("".join(f"{row}\n" for row in lines), self._again())

    def _print(self, text: str, prompt: str) -> None:
        """Write whole lines in the place of the prompt, which is then written under them as it is now.

        The terminal stays as it is meanwhile: a key that is pressed now is neither lost nor shown twice.
        """
        self._app.renderer.erase()
        self._outlet.write(text.replace("\n", "\r\n"))
        self._prompt = prompt
        self._app.invalidate()

    def _wake(self) -> None:
        """Ask for the prompt, then have what waits said above it. In another thread than the one that types."""
        prompt, loop = self._again(), self._app.loop
        if loop is not None:  # else what waits is looked for when the prompt begins
            with contextlib.suppress(RuntimeError):  # the loop has just ended: it is said right after that
                loop.call_soon_threadsafe(self._news, prompt)

    def _news(self, prompt: str) -> None:
        if self._outlet.waiting and self._app.is_running and not self._app.is_done:
            self._print(self._outlet.taken(), prompt)

    def _begun(self) -> None:
        if self._outlet.waiting:
            threading.Thread(target=self._wake, name="prompt", daemon=True).start()
        if self._idle_s is not None:
            self._app.create_background_task(self._idle(self._idle_s))

    async def _idle(self, limit_s: float) -> None:
        while (left_s := self._touched + limit_s - time.monotonic()) > 0:
            await asyncio.sleep(left_s)
        if not self._app.is_done:
            self._app.exit(exception=Idle)

    def _touch(self, _: object) -> None:
        self._touched = time.monotonic()


def _nothing(_: KeyPressEvent) -> None:
    """Do nothing: what the toolkit would do with this key is not wanted here."""


def _clean(text: str) -> str:
    """Return pasted text without anything that acts on a terminal."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
