"""Download from a server on this machine: goes on where it stopped, and says what went wrong."""

import dataclasses
import http.server
import importlib
import socket
import threading
from types import SimpleNamespace

import pytest
from helpers import fake_files, pack, register_fakes, same

from lt_lib import data
from lt_lib.data import DataError, registry

fetch = importlib.import_module("lt_lib.data.download")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        state = self.server.state
        wanted = self.headers.get("Range")
        state.asked.append(wanted)
        if state.status != 200:
            return self.send_error(state.status)
        start = int(wanted[6:-1]) if wanted and state.ranges else 0
        if start >= len(state.content):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        if start:
            self.send_header(
                "Content-Range", f"bytes {start + state.shift}-{len(state.content) - 1}/{len(state.content)}"
            )
        self.send_header("Content-Length", str(len(state.content) - start))
        self.end_headers()
        end = len(state.content)
        if state.breaks:
            end = min(end, start + state.breaks.pop(0))
        self.wfile.write(state.content[start:end])
        self.close_connection = True

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch, tmp_path):
    """A server of a fake cifar100; `breaks` are the bytes after which one answer after the other stops."""
    files, splits = fake_files()
    path = pack(tmp_path / "cifar-100-python.tar.gz", files)
    register_fakes(monkeypatch, path, files, splits)
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.state = SimpleNamespace(
        content=path.read_bytes(),
        status=200,
        ranges=True,
        breaks=[],
        asked=[],
        shift=0,
        splits=splits,
        root=tmp_path / "store",
    )
    point_to(monkeypatch, f"http://127.0.0.1:{httpd.server_port}/cifar-100-python.tar.gz")
    monkeypatch.setattr(fetch, "SECONDS", 5)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield httpd.state
    httpd.shutdown()
    httpd.server_close()


def point_to(monkeypatch, url):
    for name in ("cifar100", "cifar100_even50"):
        entry = registry.data_sets()[name]
        entry = dataclasses.replace(entry, archive=dataclasses.replace(entry.archive, url=url))
        monkeypatch.setitem(registry.data_sets(), name, entry)


def get(server, name="cifar100"):
    return data.download(name, server.root, progress=False)


def part(server):
    return server.root / ".downloads" / "cifar-100-python.tar.gz.part"


def test_download(server):
    assert same(get(server), server.splits)
    assert server.asked == [None] and not part(server).exists()
    get(server, "cifar100_even50")
    assert len(server.asked) == 1  # from the archive that was kept


def test_broken_transfer_goes_on_by_itself(server):
    server.breaks = [20_000, 30_000]
    assert same(get(server), server.splits)
    assert server.asked == [None, "bytes=20000-", "bytes=50000-"]


def test_broken_transfer_is_kept_for_the_next_call(server):
    server.breaks = [20_000, 1_000, 1_000]
    with pytest.raises(
        DataError, match="broke off after 22,000.*22,000 of .* bytes are kept; run it again to go on"
    ):
        get(server)
    assert part(server).stat().st_size == 22_000
    assert same(get(server), server.splits) and server.asked[-1] == "bytes=22000-"


def test_server_without_ranges_starts_over(server):
    server.breaks, server.ranges = [20_000], False
    assert same(get(server), server.splits)


def test_server_that_sends_another_part_is_not_believed(server):
    server.breaks, server.shift = [20_000], 7
    with pytest.raises(DataError, match="sent another part"):
        get(server)


def test_part_that_is_no_part_of_the_file(server):
    part(server).parent.mkdir(parents=True)
    part(server).write_bytes(b"x" * (len(server.content) + 1))
    assert same(get(server), server.splits)


def test_wrong_content_is_refused_and_deleted(server):
    server.content = server.content[:-1] + b"?"
    with pytest.raises(DataError, match="is not the official archive.*expected .* It was deleted"):
        get(server)
    assert not part(server).exists() and not (server.root / "cifar100").exists()


def test_wrong_size_is_refused_at_once(server):
    server.content += b"more"
    with pytest.raises(DataError, match="offers .* bytes, the official archive has"):
        get(server)
    assert not part(server).exists()


@pytest.mark.parametrize("status", [404, 503])
def test_refusal_of_the_server(server, status):
    server.status = status
    with pytest.raises(DataError, match=f"answered {status}.*lt data add cifar100 --from FILE"):
        get(server)


def test_no_network(server, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        point_to(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}/cifar-100-python.tar.gz")
    with pytest.raises(
        DataError, match="cannot fetch http://.*refused.*nothing came.*lt data add cifar100 --from FILE"
    ):
        get(server)


def test_unknown_host(server, monkeypatch):
    point_to(monkeypatch, "http://nowhere.invalid/cifar-100-python.tar.gz")
    monkeypatch.setenv("no_proxy", "*")
    with pytest.raises(DataError, match="cannot fetch http://nowhere.invalid"):
        get(server)


def test_what_has_no_address(server, tmp_path):
    with pytest.raises(DataError, match="no official address"):
        get(server, "mobilenetv2_100_imagenet")
    with pytest.raises(DataError, match="no data set is named 'x'"):
        get(server, "x")


def test_store_that_cannot_be_written(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot write .*LT_DATA"):
        data.download("cifar100", tmp_path / "file" / "store", progress=False)
