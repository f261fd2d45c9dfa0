"""Prints docs/LANGUAGES.md from the JSON of `ctutor worker check`."""

import json
import os
import platform
import sys

HEAD = """# Languages

What `ctutor worker check` found for the packages of the distribution, in the sandbox in which submissions are tested.
Each language compiles (where it has a compiler) and runs a small right program, with threads, sockets, random numbers or a library of its own where it has such.
`scripts/languages install` installs the packages, runs the checks again and writes this page.

Checked on {system} with Linux {kernel}, {cores} cores, without a control group. Seconds are those of one run.

Check your own worker with `ctutor worker check`: it says what is not installed and what to set.
"""

NOTES = """## Larger programs

Tried by hand at the default limits (512 MiB, 64 processes, 60 s, 64 MiB in `/tmp`), beside the small programs of the table:

- Java as source file, with packages and a JAR file, with `-Xmx`, and `jshell`; Node.js with workers, a cluster, `fetch` and WebAssembly; Go with `net/http`, `go vet` and `go test`; R with `parallel` and plots; `make -j8`; C++20 with threads and ThreadSanitizer.
- Local servers over TCP and Unix sockets, `::1`, joining a multicast group, SQLite with a write-ahead log, pseudoterminals, `Europe/Berlin` and the user's name work. `gdb`, `strace` and `valgrind` work.

What does not, and what to do:

| what | why | instead |
| --- | --- | --- |
| `go test -race` of a program with `net/http` | it compiles more than 64 MiB of packages to `/tmp` | test without `-race`; with `GOCACHE` and `GOTMPDIR` in folders of the test there is room, but a busy machine needs more than a minute |
| a heap of Node.js above half of the memory limit | it takes half of the memory that it finds, at least 256 MiB | set `--max-old-space-size` in the command of the test, below the limit |
| a locale such as `de_DE.UTF-8` | the machine has not generated it | install `locales` and generate it on the worker; `C.UTF-8` is always there |
| `tput` and `curses` without `TERM` | there is no terminal | set `TERM` in the test |
| core dumps | their size is limited to 0 | run the program in `gdb` |
| sending to `255.255.255.255` | there is no route but to the loopback interface | send to `127.0.0.1` |
| larger send buffers (`SO_SNDBUF`) | each could hold memory that nothing counts; `setsockopt` succeeds without effect | wait until the socket is writable |
"""


def cell(check):
    if check["status"] == "works":
        return f"works, {check['seconds']:.1f} s"
    if check["status"] == "fails":
        return plain((check["reason"] or "fails").split(":")[0].replace("|", "/"))
    return check["status"]


def plain(text):
    """The text without what controls a terminal: a program under test wrote it."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        found = json.load(file)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    kernel = ".".join(platform.release().split(".")[:2])
    print(HEAD.format(system=system, kernel=kernel, cores=os.cpu_count()))
    rows, sizes = {}, []
    for check in found["checks"]:
        rows.setdefault(check["title"], {})[check["memoryMiB"]] = check
        if check["memoryMiB"] not in sizes:
            sizes.append(check["memoryMiB"])
    names = [f"{size // 1024} GiB" if size % 1024 == 0 else f"{size} MiB" for size in sizes]
    print(f"| language | version | {' | '.join(names)} |")
    print(f"| --- | --- |{' --- |' * len(names)}")
    for title, checks in sorted(rows.items(), key=lambda row: row[0].casefold()):
        # Only the beginning: some name the machine that built them, too.
        version = next((check["version"] for check in checks.values() if check["version"]), "-")
        cells = " | ".join(cell(checks[size]) for size in sizes)
        version = plain(version.splitlines()[0].split(" (built")[0].replace("|", "/")[:60])
        print(f"| {title} | {version} | {cells} |")
    print(f"\n{NOTES}", end="")


if __name__ == "__main__":
    main()
