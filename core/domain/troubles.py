"""Errors of the machine, and damage of state.db, in one sentence with the remedy."""

from __future__ import annotations

import errno
import sys

#: What to do about errors of the operating system, by their number.
_OF_SYSTEM = {
    errno.ENOSPC: "the disk is full: free some space, then retry",
    errno.EDQUOT: "your disk quota is used up: free some space, then retry",
    errno.EFBIG: "the limit of file sizes is reached: raise it (`ulimit -f`), then retry",
    errno.EROFS: "the file system is read-only: make it writable, or copy the workspace, then retry",
    errno.EMFILE: "too many files are open: raise the limit (`ulimit -n`), or run fewer jobs, then retry",
    errno.ENFILE: "the system has too many files open: end some programs, then retry",
    errno.EPERM: "the operation is not permitted: check owner and attributes (`ls -l`, `lsattr`), then retry",
    errno.EACCES: "permission is denied: give yourself access to it (`ls -l`, `chmod`), then retry",
    errno.EIO: "the disk reports an error: check it, then retry",
    errno.ENOMEM: "there is too little memory: end some programs, then retry",
    errno.EAGAIN: "the limit of processes is reached: end some programs, then retry",
}
#: Those of what many processes share, which are over once some of them end.
_LIMITS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
REBUILD = "rebuild it from artifacts/ with `empathy-tui rebuild`"
#: Of a state.db whose index, shared by the processes that have it open, names pages that its log lacks.
LOST_LOG = f"its -wal file was removed or cut while it was in use: {REBUILD}"


#: Added to an error's number, it is the exit code of a process that cannot write its reason.
_EXIT_CODE = 64


def exit_code(error: OSError) -> int | None:
    """The exit code of a worker that cannot record what ended it; None unless the machine is the reason."""
    return None if error.errno not in _OF_SYSTEM else (_EXIT_CODE + error.errno) % 256


def of_exit_code(code: int) -> str | None:
    """What ended a process with this exit code, in words; None if that is not known."""
    return next((words for number, words in _OF_SYSTEM.items() if (_EXIT_CODE + number) % 256 == code), None)


def is_of_disk(error: OSError) -> bool:
    """Whether an error is that this machine's disk has no room."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def is_of_machine(error: BaseException) -> bool:
    """Whether an error is one of the machine, which may be over later: a full disk, a limit of open files.

    Denied permission is none: it is of one file or folder, and what does without it goes on.
    """
    if isinstance(error, OSError):
        return error.errno in _OF_SYSTEM and not isinstance(error, PermissionError)
    if isinstance(error, MemoryError):
        return True
    sqlite3 = sys.modules.get("sqlite3")
    # What a statement needs and the file, or its log, lacks will not come.
    return (
        sqlite3 is not None
        and isinstance(error, sqlite3.OperationalError)
        and "no such" not in str(error)
        and not is_lost_log(error)
    )


def limit_behind(error: BaseException) -> BaseException | None:
    """The error of a limit, as of open files, for which another error was raised; None if there is none."""
    cause = error.__cause__
    while cause is not None and not _is_of_limit(cause):
        cause = cause.__cause__
    return cause


def _is_of_limit(error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _LIMITS)


def is_lost_log(error: BaseException) -> bool:
    """Whether SQLite has not found in state.db's write-ahead log what must be there."""
    return getattr(error, "sqlite_errorname", "") == "SQLITE_IOERR_SHORT_READ"


def trouble_in_words(error: BaseException) -> str | None:
    """A sentence about an error of the machine or of state.db, with the remedy; None for any other error."""
    if isinstance(error, OSError) and error.errno in _OF_SYSTEM:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{_OF_SYSTEM[error.errno]}"
    if isinstance(error, MemoryError):
        return _OF_SYSTEM[errno.ENOMEM]
    # Whoever has not loaded it has no such error.
    sqlite3 = sys.modules.get("sqlite3")
    if sqlite3 is None or not isinstance(error, sqlite3.DatabaseError):
        return None
    words = str(error)
    if is_lost_log(error):
        return f"state.db cannot be read: {LOST_LOG}"
    if isinstance(error, sqlite3.OperationalError):
        if "full" in words:
            return f"state.db cannot be written: {_OF_SYSTEM[errno.ENOSPC]}"
        if "readonly" in words:
            return f"state.db cannot be written: {_OF_SYSTEM[errno.EROFS]}"
        if "locked" in words:
            return "state.db is locked by another program: end it, then try again"
        if "no such" in words:
            return f"state.db lacks a table or column ({words}): {REBUILD}"
        return (
            f"state.db cannot be read or written: {words}. Check that its disk has space, that you may write "
            "to its folder, and that not too many files are open, then try again"
        )
    if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError | sqlite3.InterfaceError):
        return None
    return f"state.db is damaged: {words}: {REBUILD}"
