"""Keeps what tests write, and where they are, in files that the worker reads when the process is gone.

Pytest captures standard output and standard error in files without a name, so that what a test wrote is lost with a
process that ends at once. Here the same descriptors lead to files of the worker. Pytest empties them when it reads
them: they hold what was written since the current test, or its current phase, began.
"""

import _thread
import faulthandler
import os
import stat
import sys
import time

STREAMS = {"stdout": 1, "stderr": 2}
# Where descriptors of pytest's files are looked for. It opens few files before it captures.
DESCRIPTORS_MAX = 256
READ_BYTES_MAX = 4096
# Tells where a test is when so much of its time is over.
SHARE_OF_TIME = 0.9


def keep(folder, test_time, all_time):
    """Returns functions: to let pytest capture in the files, to keep its own words out of them, to tell of faults, to
    begin and to end the time of a test, whether a test has a thread for itself, to read what was written last, and
    whether pytest can still capture. Times are in seconds.
    """
    files = {name: os.open(os.path.join(folder, name), os.O_RDWR) for name in STREAMS}
    stack = os.open(os.path.join(folder, "stack"), os.O_WRONLY | os.O_APPEND)
    end = time.monotonic() + all_time
    clock = time.monotonic
    start_thread, new_lock = _thread.start_new_thread, _thread.allocate_lock
    streams = []

    def capture():
        for name, target in STREAMS.items():
            captured = os.fstat(target)
            if not stat.S_ISREG(captured.st_mode):
                continue
            for number in range(3, DESCRIPTORS_MAX):
                if is_same(number, captured):
                    os.dup2(files[name], number, inheritable=False)
            os.dup2(files[name], target)
            streams.append(getattr(sys, name))

    def silence(writer):
        # Plugins print the progress of subtests while a test runs, and its output would have it among the program's.
        writer._file = open(os.devnull, "w")

    def watch_faults():
        # Pytest does so too, on standard error, where frames of its own would hide those of the test.
        faulthandler.enable(stack)

    def begin():
        os.ftruncate(stack, 0)
        seconds = SHARE_OF_TIME * min(test_time, end - clock())
        if seconds > 0:
            try:
                faulthandler.dump_traceback_later(seconds, file=stack)
            # Processes that an earlier test left behind may have taken the place of its thread. Where the test is when
            # its time is over is then not known.
            except RuntimeError:
                return

    def stop():
        faulthandler.cancel_dump_traceback_later()

    def has_room():
        """Whether a thread can be started besides the one that tells where a test is."""
        begin()
        ended = new_lock()
        ended.acquire()
        try:
            start_thread(ended.release, ())
            ended.acquire()
        except RuntimeError:
            return False
        finally:
            stop()
        return True

    def written():
        """What was written and not read by pytest, as sections of a report."""
        found = []
        for name, file in files.items():
            start = max(0, os.fstat(file).st_size - READ_BYTES_MAX)
            text = os.pread(file, READ_BYTES_MAX, start).decode("utf-8", "replace")
            if text:
                found.append((f"Captured {name}", text))
        return found

    def captures():
        """Whether no test has closed what pytest captures in."""
        return not any(stream.closed for stream in streams)

    return capture, silence, watch_faults, begin, stop, has_room, written, captures


def is_same(number, status):
    try:
        return os.path.samestat(os.fstat(number), status)
    except OSError:
        return False
