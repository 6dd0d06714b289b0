"""The file of the journal: its tables, how it is opened, and what happens to one that is torn.

SQLite in WAL mode with `synchronous=FULL`: a committed record outlasts a kill and a power cut, and a WAL whose end was torn is cut
back to the last whole commit by SQLite itself. A file that is damaged in another way is set aside under a name that says so and
never deleted; a new one begins. A file of a newer schema is left alone, and nothing is written.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stationd.outputs.journal.place import bring_to_disk

SCHEMA = 1
APPLICATION = 0x7374_6A31  # "stj1" in the header of the file: a journal of stationd
CHECK_S = 0.3  # the checks of the small tables may take so long at a start; the big ones are checked as they are read
BUSY_S = 1.0
STEPS = 10_000  # instructions of SQLite between two looks at the clock
WAL_LIMIT = 16 << 20
WRITTEN_AS = 18  # byte of the header, see "Database File Format" of sqlite.org, 1.3.3: 1 is a rollback journal, 2 a WAL
AGAIN_MOST = 1000  # names to try when files are set aside within the same second
SMALL = ("meta", "boots", "states", "outbox", "packing", "points")
WORDS_OF_DAMAGE = ("no such", "malformed", "unsupported file format")  # where SQLite has no number of its own for it
DAMAGE = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH}

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value, checked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE boots (number INTEGER PRIMARY KEY, run TEXT UNIQUE NOT NULL, utc_ms INTEGER, synchronised INTEGER,
    last_sequence INTEGER NOT NULL, last_frame INTEGER NOT NULL);
CREATE TABLE states (key TEXT PRIMARY KEY, body TEXT NOT NULL, record INTEGER NOT NULL, checked INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE events (id INTEGER PRIMARY KEY, class TEXT, kind TEXT, subject TEXT, utc_ms INTEGER, synchronised INTEGER,
    t_us INTEGER, lived_s REAL, body TEXT, checked INTEGER);
CREATE INDEX events_of ON events (subject, id);
CREATE TABLE commands (id INTEGER PRIMARY KEY, class TEXT, kind TEXT, subject TEXT, utc_ms INTEGER, synchronised INTEGER,
    t_us INTEGER, lived_s REAL, body TEXT, checked INTEGER);
CREATE TABLE audit (position INTEGER PRIMARY KEY, record TEXT NOT NULL, digest BLOB NOT NULL);
CREATE TABLE outbox (id INTEGER PRIMARY KEY, class TEXT, topic TEXT, payload BLOB, retain INTEGER, size INTEGER,
    utc_ms INTEGER, lived_s REAL, checked INTEGER);
CREATE INDEX outbox_sizes ON outbox (class, id, size, lived_s);
CREATE TABLE points (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL);
CREATE TABLE frames (id INTEGER PRIMARY KEY, tier INTEGER, boot INTEGER, ahead_ms INTEGER, synchronised INTEGER,
    first_ms INTEGER, last_ms INTEGER, lived_s REAL, records INTEGER, body BLOB);
CREATE INDEX frames_of ON frames (tier, id);
CREATE TABLE blocks (id INTEGER PRIMARY KEY, point INTEGER, tier INTEGER, boot INTEGER, ahead_ms INTEGER, synchronised INTEGER,
    first_ms INTEGER, last_ms INTEGER, lived_s REAL, records INTEGER, size INTEGER, body BLOB);
CREATE INDEX blocks_of ON blocks (point, tier, boot, first_ms, last_ms, ahead_ms);
CREATE INDEX blocks_by_age ON blocks (tier, lived_s, size, records);
CREATE TABLE packing (tier INTEGER PRIMARY KEY, last INTEGER NOT NULL, next_point INTEGER NOT NULL);
"""


class Damaged(Exception):
    """The file is not a whole journal of ours."""


class Foreign(Exception):
    """The file is a whole journal, but that of another station."""


class Newer(Exception):
    """The file was written by a newer stationd, whose tables this one does not know."""


# What a call to SQLite can raise. The last: its message about a torn table quotes the torn bytes, which Python cannot decode.
TROUBLE = (sqlite3.Error, OSError, Damaged, UnicodeDecodeError)


def _lenient(text: bytes) -> str:
    """Torn bytes are no reason to stop; the check sum of their row says that they are torn."""
    return text.decode(errors="replace")


def connect(path: Path) -> sqlite3.Connection:
    """Open the file for writing in the thread that calls."""
    fresh = not path.exists()
    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.text_factory = _lenient
    try:
        for pragma in ("cache_size=-4096", "temp_store=MEMORY", "mmap_size=0", f"journal_size_limit={WAL_LIMIT}"):
            connection.execute(f"PRAGMA {pragma}")
        if not fresh:
            _check_format(path)
            _recognise(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        _prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open the file for reading in the thread that calls."""
    return _read_only(f"{path.resolve().as_uri()}?mode=ro")


def connect_to_salvage(path: Path) -> sqlite3.Connection:
    """Open a file that need not be whole, to read what is there; its WAL belongs to it. Nobody else may have it open."""
    connection = _read_only(f"{path.resolve().as_uri()}?mode=rw")
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except TROUBLE as error:
        connection.close()
        if not is_damage(error):
            raise
        connection = _read_only(f"{path.resolve().as_uri()}?mode=rw")
        connection.execute("PRAGMA writable_schema=ON")  # lets SQLite go on where parts are missing; hides what a failing disk says
    return connection


def _read_only(address: str) -> sqlite3.Connection:
    connection = sqlite3.connect(address, uri=True, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
    connection.text_factory = _lenient
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA mmap_size=0")  # a torn file must be an error, never a signal
    connection.execute("PRAGMA cache_size=-4096")
    return connection


def is_damage(error: Exception) -> bool:
    """Tell a damaged file from a failing or full disk, which may be whole."""
    if isinstance(error, Damaged | UnicodeDecodeError):
        return True
    if isinstance(error, sqlite3.Error):
        code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF
        return code in DAMAGE or (code == sqlite3.SQLITE_ERROR and str(error).startswith(WORDS_OF_DAMAGE))
    return False


def _check_format(path: Path) -> None:
    """Refuse a header that was torn where it says how the file is written: SQLite would open it and never write to it."""
    with path.open("rb") as file:
        header = file.read(WRITTEN_AS + 1)
    if header[WRITTEN_AS:] not in (b"", b"\1", b"\2"):
        raise Damaged(f"its header says that it is written as {header[WRITTEN_AS]}; 1 and 2 are known")


def _recognise(connection: sqlite3.Connection) -> None:
    """Go on only with one of ours. An empty file is none: a new one is made whole before it gets its name."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise Damaged("the file is empty, or a database that is no journal of stationd")
    if version > SCHEMA:
        raise Newer(f"the journal has schema {version}; this stationd knows schema {SCHEMA} and leaves the file alone")
    _check(connection)


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the tables of a new file, all or none."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == 0:
        connection.execute("BEGIN IMMEDIATE")
        for statement in TABLES.split(";"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id={APPLICATION}")
        connection.execute(f"PRAGMA user_version={SCHEMA}")
        connection.execute("COMMIT")


def _check(connection: sqlite3.Connection) -> None:
    """Check the small tables, on which a start rests, for at most CHECK_S."""
    until = time.monotonic() + CHECK_S
    wanted = {line.split()[2] for line in TABLES.splitlines() if line.startswith("CREATE TABLE")}
    found = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not wanted <= found:
        raise Damaged(f"tables are missing: {', '.join(sorted(wanted - found))}")
    connection.set_progress_handler(lambda: int(time.monotonic() > until), STEPS)
    try:
        for table in SMALL:
            answers = [answer for (answer,) in connection.execute(f"PRAGMA quick_check({table})")]
            if answers != ["ok"]:
                raise Damaged(f"table {table}: {str(answers[0])[:200] if answers else 'no answer'}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:  # out of time: what is damaged further on is found when it is read
            raise
    finally:
        connection.set_progress_handler(None, 0)


def new_name(path: Path) -> Path:
    """Return the name under which a new file is made whole before it takes the place of a damaged one."""
    return path.with_name(f"{path.name}.new")


def first_name(path: Path) -> Path:
    """Return the name under which a new file is made whole where there is none."""
    return path.with_name(f"{path.name}.first")


def clear(unfinished: Path) -> None:
    """Remove what a kill has left of a file that was being made. It has nothing that does not stand elsewhere."""
    for end in ("", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            unfinished.with_name(unfinished.name + end).unlink()


def adopt(made: Path, path: Path) -> bool:
    """Give a file that was made whole its name, if that is free; return whether that was so."""
    if path.exists() or not made.exists():
        return False
    made.rename(path)
    bring_to_disk(path.parent)
    return True


def set_aside(path: Path, utc_s: float) -> Path:
    """Rename a damaged file, with its WAL, to a name that says so; return that name. OSError where the disk refuses."""
    aside = _free_name(path, utc_s)
    _set_log_aside(path, aside)
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
    bring_to_disk(path.parent)
    return aside


def set_log_aside(path: Path, utc_s: float) -> None:
    """Rename a log that does not belong to the file beside it: SQLite would write it into that one."""
    _set_log_aside(path, _free_name(path, utc_s))
    bring_to_disk(path.parent)


def _set_log_aside(path: Path, aside: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        path.with_name(f"{path.name}-shm").unlink()  # only an index of the WAL, which SQLite makes anew
    with contextlib.suppress(FileNotFoundError):
        path.with_name(f"{path.name}-wal").rename(aside.with_name(f"{aside.name}-wal"))


def _free_name(path: Path, utc_s: float) -> Path:
    for name in _names(path, utc_s):
        if not name.exists() and not name.with_name(f"{name.name}-wal").exists():
            return name
    raise FileExistsError(f"too many damaged journals stand beside {path}")


def _names(path: Path, utc_s: float) -> Iterator[Path]:
    when = datetime.fromtimestamp(max(0.0, min(utc_s, 2.5e11)), UTC).strftime("%Y%m%dT%H%M%SZ")
    for again in range(AGAIN_MOST):
        yield path.with_name(f"{path.name}.damaged-{when}" + (f"-{again}" if again else ""))
