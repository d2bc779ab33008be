"""Kernels forked from one process that has imported what chapters use: a third of what a book costs on a
laptop was every kernel's own import of the same libraries."""

import contextlib
import multiprocessing
import multiprocessing.forkserver
import os
import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint

from jupyter_client.provisioning import KernelProvisionerFactory, LocalProvisioner

NAME = "lt-forked"
IMPORTED = [
    "ipykernel.kernelapp",
    "matplotlib.pyplot",
    "scipy.stats",
    "sklearn.linear_model",
    "timm",
    "lt_lib.lab.publish.warm",
]
CAN_FORK = sys.platform == "linux"  # elsewhere a library may not survive a fork
_CONTEXT = multiprocessing.get_context("forkserver") if CAN_FORK else None


@contextlib.contextmanager
def kernels() -> Iterator[dict]:
    """What a kernel's `metadata` says to be forked; the process that they are forked from ends with the
    context, so that nothing else in this process is forked from it."""
    server = multiprocessing.forkserver._forkserver
    before = list(server._preload_modules)
    server._stop()
    _CONTEXT.set_forkserver_preload(IMPORTED)
    try:
        yield register()
    finally:
        server._stop()
        _CONTEXT.set_forkserver_preload(before)


def register() -> dict:
    """Make the kernels known to Jupyter in this process; what a kernel's `metadata` says to be one."""
    where = EntryPoint(NAME, f"{__name__}:Forked", KernelProvisionerFactory.GROUP_NAME)
    KernelProvisionerFactory.instance().provisioners[NAME] = where
    return {"kernel_provisioner": {"provisioner_name": NAME}}


class Forked(LocalProvisioner):
    """Starts a kernel by a fork instead of a new interpreter."""

    async def launch_kernel(self, cmd: list[str], **how):
        """As LocalProvisioner; `cmd` is that of `ipykernel_launcher`."""
        process = _CONTEXT.Process(target=_kernel, args=(cmd[3:], how["env"], how["cwd"]))
        process.start()
        self.process, self.pid, self.cwd = _Process(process), process.pid, how["cwd"]
        return self.connection_info


class _Process:
    """What LocalProvisioner asks of a `subprocess.Popen`."""

    stdin = stdout = stderr = None

    def __init__(self, process):
        self._process, self.pid = process, process.pid
        self.kill, self.terminate = process.kill, process.terminate

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self) -> int | None:
        self._process.join()
        return self._process.exitcode

    def send_signal(self, signum: int) -> None:
        os.kill(self.pid, signum)


def _kernel(arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """In the fork: as if a new interpreter ran `ipykernel_launcher`."""
    from ipykernel.kernelapp import IPKernelApp

    os.setsid()  # an interrupt at the terminal is for whoever waits, not for kernels
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    IPKernelApp.launch_instance(argv=arguments)
