"""Processes side by side: on a CPU two trainings of one thread each are faster than one of two threads, which
wait for each other at every layer."""

import contextlib
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator

import torch

from lt_lib.errors import LabError, LtError
from lt_lib.progress import say


def workers_wanted(workers: int | None) -> int:
    """How many processes: the number given, else that of LT_WORKERS, else one for each of torch's threads.

    Raises:
        LabError: not a whole number above 0.
    """
    given = os.environ.get("LT_WORKERS") if workers is None else workers
    if given in (None, ""):
        return torch.get_num_threads()
    try:
        wanted = int(given)
    except ValueError:
        wanted = 0
    if wanted < 1:
        said = "LT_WORKERS" if workers is None else "workers"
        raise LabError(f"{said} is {given!r}; it must be a whole number, at least 1")
    return wanted


@contextlib.contextmanager
def side_by_side(workers: int, target: Callable, args: tuple, deadline: float | None) -> Iterator[None]:
    """A block beside which `workers` - 1 further processes run target(deadline, *args), a module's function.

    Threads are shared out. At the end of the block the others are waited for; if it fails, they are ended.
    They end with this process, whatever ends it.
    """
    if workers == 1:
        yield
        return
    threads = torch.get_num_threads()
    share, left = max(1, threads // workers), None if deadline is None else deadline - time.monotonic()
    context = multiprocessing.get_context("spawn")
    others = [
        context.Process(target=_beside, args=(i, share, left, target, args), daemon=True)
        for i in range(1, workers)
    ]
    torch.set_num_threads(share)
    try:
        for process in others:
            process.start()
        yield
        for process in others:
            process.join()
    finally:
        for process in others:
            if process.is_alive():
                process.terminate()
        torch.set_num_threads(threads)


def _beside(place: int, threads: int, left: float | None, target: Callable, args: tuple) -> None:
    """In a new process: end with the parent; on an error say it, and leave the part to the others."""
    os.environ["LT_WORKER"] = str(place)
    torch.set_num_threads(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):
        try:
            target(None if left is None else time.monotonic() + left, *args)
        except LtError as error:
            say(f"worker {place}: {error}")


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)
