"""Commands run one after the other on the same cores, timed from their start to their end."""
import collections
import os
import signal
import subprocess
import sys
import time

Timing = collections.namedtuple("Timing", "wall cpu rss")  # seconds, seconds of all cores, MiB of the largest process


def on_cores(count):
    """Keeps this process and all that it starts on the first `count` cores it may use; their numbers. Raises ValueError."""
    free = sorted(os.sched_getaffinity(0))
    if len(free) < count:
        raise ValueError(f"THREADS={count}: only {len(free)} cores may be used here")
    os.sched_setaffinity(0, free[:count])
    return free[:count]


def stop_on_signals():
    """SIGTERM ends this process as Ctrl-C does: after what it is running."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def run(command, log, env):
    """Timing of the command, whose words go into the file `log`. Raises RuntimeError naming the log if it fails."""
    os.makedirs(os.path.dirname(log), exist_ok=True)
    with open(log, "w") as words:
        begun = time.monotonic()
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=words, stderr=words, env=env)
        try:
            _, status, used = os.wait4(child.pid, 0)
        except BaseException:
            child.terminate()
            child.wait()
            raise
    wall = time.monotonic() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{os.path.basename(command[0])} ended with status {child.returncode}; its words are in {log}")
    return Timing(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
