"""Files come from their owner whole and verified, over a real server on this machine."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

import pytest
import yaml
from click.testing import CliRunner

from mecore.cli.main import main
from mecore.data import external
from mecore.errors import ExternalFileError

FILES = {"a/one.bin": bytes(range(256)) * 40, "images/two.png": b"picture" * 900}
REMOTE = {"/files/a/one.bin": "a/one.bin", "/files/pictures/two .png": "images/two.png"}


class Owner:
    """A server with the files of a set, which can be told to misbehave."""

    def __init__(self):
        self.files = dict(FILES)
        self.asked = []
        self.break_after = None
        self.ranges = True
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                owner.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/files/"

    def answer(self, request):
        name = REMOTE.get(unquote(request.path))
        given = request.headers.get("Range")
        self.asked.append((name, given))
        body = self.files.get(name)
        if body is None:
            request.send_error(404)
            return
        start = int(given.split("=")[1].rstrip("-")) if given and self.ranges else 0
        if start >= len(body):
            request.send_error(416)
            return
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        request.end_headers()
        request.wfile.write(body[start : self.break_after])


@pytest.fixture
def owner(monkeypatch, tmp_path):
    monkeypatch.delenv("MECORE_EXTERNAL", raising=False)
    monkeypatch.setenv("MECORE_CACHE", str(tmp_path / "cache"))
    owner = Owner()
    facts = {
        "title": "files of a test", "address": owner.address, "folder": "test", "hashes": "t.txt",
        "remote .png": "pictures/{stem} .png", "licence": "free", "citation": "us",
    }  # fmt: skip
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"test": facts}))
    hashes = [f"{hashlib.sha256(b).hexdigest()}  {n}\n" for n, b in FILES.items()]
    (tmp_path / "t.txt").write_text("".join(hashes))
    monkeypatch.setattr(external, "_REGISTRY", tmp_path / "registry.yaml")
    thread = threading.Thread(target=owner.server.serve_forever, daemon=True)
    thread.start()
    yield owner
    owner.server.shutdown()
    owner.server.server_close()
    thread.join()


def test_a_set_is_fetched_verified_and_kept(owner):
    paths = external.fetch("test")
    assert [p.read_bytes() for p in paths] == list(FILES.values())
    assert external.fetch("test") == paths
    assert len(owner.asked) == 2


def test_a_file_may_have_another_name_at_its_owner(owner):
    (path,) = external.fetch("test", ["images/two.png"])
    assert path.name == "two.png"
    assert owner.asked == [("images/two.png", None)]


def test_a_broken_download_goes_on_where_it_stopped(owner):
    owner.break_after = 4000
    with pytest.raises(ExternalFileError, match="connection broke after 4000 bytes"):
        external.fetch("test", ["a/one.bin"])
    owner.break_after = None
    (path,) = external.fetch("test", ["a/one.bin"])
    assert path.read_bytes() == FILES["a/one.bin"]
    assert owner.asked[-1] == ("a/one.bin", "bytes=4000-")


def test_an_owner_that_cannot_go_on_sends_the_whole_again(owner):
    owner.break_after, owner.ranges = 4000, False
    with pytest.raises(ExternalFileError):
        external.fetch("test", ["a/one.bin"])
    owner.break_after = None
    assert external.fetch("test", ["a/one.bin"])[0].read_bytes() == FILES["a/one.bin"]


def test_a_wrong_hash_is_refused_and_leaves_nothing_behind(owner):
    owner.files["a/one.bin"] = b"something else"
    with pytest.raises(ExternalFileError, match=r"could not be fetched(.|\n)*SHA256|hash"):
        external.fetch("test", ["a/one.bin"])
    with pytest.raises(ExternalFileError, match="not found"):
        external.locate("test", "a/one.bin")
    owner.files = dict(FILES)
    assert external.fetch("test", ["a/one.bin"])[0].read_bytes() == FILES["a/one.bin"]


def test_a_part_of_another_file_is_not_built_upon(owner):
    part = external.cache_home() / "external" / "test" / "a" / "one.bin.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"x" * 99_999)  # longer than the file
    assert external.fetch("test", ["a/one.bin"])[0].read_bytes() == FILES["a/one.bin"]
    external.cache_home().joinpath("external", "test", "a", "one.bin").unlink()
    part.write_bytes(b"x" * 50)
    with pytest.raises(ExternalFileError, match="SHA256|hash"):
        external.fetch("test", ["a/one.bin"])
    assert external.fetch("test", ["a/one.bin"])[0].read_bytes() == FILES["a/one.bin"]


def test_a_file_that_its_owner_took_away_is_answered_with_the_other_way(owner):
    owner.files.clear()
    with pytest.raises(ExternalFileError, match=r"404(.|\n)*MECORE_EXTERNAL"):
        external.fetch("test")


def test_the_command_fetches_a_set_and_says_its_terms(owner):
    done = CliRunner().invoke(main, ["fetch", "test"])
    assert done.exit_code == 0
    assert "2 files are there and verified. Terms: free" in done.output


def test_the_flow_features_are_442_pictures_and_their_list():
    names = external.file_set("megc2019_flow")
    assert sum(n.endswith(".png") for n in names) == 442
    assert external._remote("images/006_006_1_2.png", external.registry()["megc2019_flow"]) == (
        "datasets/STSNet_whole_norm_u_v_os/006_006_1_2%20.png"
    )
