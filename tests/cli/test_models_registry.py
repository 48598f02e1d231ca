"""`artstyle models list, pull, card, verify`, against a server on this machine."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.file_server import FileServer, answer, drop_after, file_server
from support.small_models import write_small_model

from artstyle import weights
from artstyle.disk import free_bytes_of
from artstyle.files import sha256_of
from artstyle.weights import entries as registry_module
from artstyle.weights import model_names
from artstyle.weights.download import Patience
from artstyle.weights.entries import Entry, registry
from artstyle.weights.pins import Pins

CONTENT = b"weights " * 40_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SHIPPED = registry()


@pytest.fixture(autouse=True)
def starter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "starter"
    folder.mkdir()
    monkeypatch.setattr(model_names, "_shipped_models", lambda: folder)
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server(CONTENT) as served:
        yield served


@pytest.fixture
def known(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> dict[str, Entry]:
    """A registry of four that the server serves, and a download that does not wait."""
    plain = replace(
        SHIPPED["vgg19"],
        name="plain",
        file_name="plain.pth",
        sha256_prefix="",
        addresses=(server.address,),
        about_bytes=None,
    )
    base = replace(plain, name="base", file_name="base.pkl", kind="stylegan2", resolution=8)
    base = replace(base, conversion="import", licence=SHIPPED["ffhq-256"].licence)
    entries = {
        "digest": replace(plain, name="digest", file_name="digest.pth", sha256=DIGEST),
        "prefix": replace(plain, name="prefix", file_name="prefix.pth", sha256_prefix=DIGEST[:8]),
        "plain": plain,
        "base": base,
    }
    entries["digest"] = replace(
        entries["digest"], licence=SHIPPED["yunet"].licence, size_bytes=len(CONTENT)
    )
    monkeypatch.setattr(registry_module, "_shipped", lambda: entries)
    patience = Patience(timeout_s=5, tries=2, sleep=lambda seconds: None)
    monkeypatch.setattr("artstyle.pipeline.pull._PATIENT", patience)
    return entries


def kept(name: str) -> Path:
    return weights.weights_file(weights.entry(name))


# --- list ----------------------------------------------------------------------------------------


def test_the_list_has_every_name_with_its_licence(cli, workspace):
    outcome = cli("models", "list", "--workspace", workspace)
    assert outcome.exit_code == 0
    lines = outcome.stdout.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "PX", "SIZE", "STATE", "COMMERCIAL", "LICENCE"]
    named = {line.split()[0]: line for line in lines[1:]}
    assert set(named) == set(SHIPPED)
    assert "NO          NVIDIA Source Code License" in named["ffhq-256"]
    assert "unclear" in named["vgg19"]
    assert "232.6 kB  not here  yes         MIT" in named["yunet"]
    assert "~574.7 MB" in named["vgg19"]
    assert "  ?  " in named["cifar10-32"]
    assert "\x1b" not in outcome.stdout


def test_the_list_as_json(cli, workspace):
    models = cli("models", "list", "--json", "--workspace", workspace).json()["models"]
    yunet = next(model for model in models if model["name"] == "yunet")
    assert (yunet["size_bytes"], yunet["size_is_exact"], yunet["state"]) == (
        232_589,
        True,
        "not here",
    )
    assert yunet["licence"]["commercial"] == "yes"
    assert yunet["path"] is None


def test_the_list_by_kind(cli, workspace):
    models = cli("models", "list", "--kind", "vgg", "--json", "--workspace", workspace).json()
    assert {model["kind"] for model in models["models"]} == {"vgg"}
    assert cli("models", "list", "--kind", "vg").exit_code == 2


def test_the_kinds_on_offer_are_the_registrys():
    from artstyle.cli.models.list import KINDS

    assert set(KINDS) - set(registry_module.KINDS) == {"other"}


def test_only_what_is_here(cli, workspace, starter, artstyle_home):
    none = cli("models", "list", "--installed", "--workspace", workspace)
    assert none.stdout.startswith("none; ")
    write_small_model(workspace / "models" / "mine.safetensors", licence="CC0-1.0")
    write_small_model(starter / "people.safetensors", resolution=16)
    (workspace / "models" / "torn.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    bad = kept("yunet")
    bad.parent.mkdir(parents=True)
    bad.write_bytes(b"something else")
    imported = weights.imported_file(weights.entry("metfaces-1024"))
    imported.parent.mkdir(parents=True)
    write_small_model(imported)
    kept("ffhq-256").write_bytes(b"a pickle")
    outcome = cli("models", "list", "--installed", "--json", "--workspace", workspace)
    found = {model["name"]: model for model in outcome.json()["models"]}
    assert {name: model["state"] for name, model in found.items()} == {
        "mine": "workspace",
        "torn": "unreadable",
        "people": "shipped",
        "yunet": "changed",
        "metfaces-1024": "present",
        "ffhq-256": "not imported",
    }
    assert (found["mine"]["resolution"], found["people"]["resolution"]) == (8, 16)
    assert found["mine"]["licence"] == {"id": "CC0-1.0", "commercial": "yes", "line": ""}
    assert found["metfaces-1024"]["path"] == str(imported)
    text = cli("models", "list", "--installed", "--workspace", workspace).stdout
    assert "14 bytes, and 232589 were published" in text
    assert "torn.safetensors" in text
    assert not (artstyle_home / "pins.json").exists()


def test_a_terminal_gets_a_drawn_table(cli, workspace, monkeypatch):
    from artstyle.cli import _table

    class Terminal:
        @staticmethod
        def isatty() -> bool:
            return True

        encoding = "utf-8"
        write = staticmethod(lambda text: None)
        flush = staticmethod(lambda: None)

    monkeypatch.setattr(_table.sys, "stdout", Terminal())
    drawn = _table.table(
        ("name", "size"), [("a-long-name\x1b[2J", "12")], right=frozenset({"size"})
    )
    assert "─" in drawn
    assert "a-long-name" in drawn
    assert "\x1b[2J" not in drawn


# --- pull ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "basis", "words"),
    [
        ("digest", "registry", "is the published one"),
        ("prefix", "prefix", "begins as the publisher's file name says"),
        ("plain", "first download", "is the one of the first download"),
    ],
)
def test_a_pull_fetches_checks_and_pins(cli, known, name, basis, words):
    outcome = cli("models", "pull", name)
    assert outcome.exit_code == 0, outcome.stderr
    assert kept(name).read_bytes() == CONTENT
    pin = Pins(weights.home()).get(kept(name))
    assert pin is not None
    (address,) = known[name].addresses
    assert (pin.sha256, pin.basis, pin.source) == (DIGEST, basis, address)
    assert pin.licence == known[name].licence.in_words()
    assert f"sha256 {DIGEST}: its sha256 {words}" in outcome.stdout
    assert ("pinned from now on" in outcome.stderr) == (name == "plain")
    assert weights.path_of(name) == kept(name)


def test_a_finished_pull_does_nothing(cli, known, server):
    cli("models", "pull", "digest")
    outcome = cli("models", "pull", "digest", "--json")
    assert outcome.json()["models"][0]["step"] == "nothing"
    assert len(server.asked) == 1
    assert outcome.stderr == ""


def test_a_broken_pull_goes_on(cli, known, server):
    server.script = [drop_after(100_000), answer(500), answer(500)]
    first = cli("models", "pull", "digest")
    assert first.exit_code == 1
    assert "100.0 kB of it are kept" in first.stderr
    assert "pull digest --from FILE" in first.stderr
    plan = cli("models", "pull", "digest", "--dry-run")
    assert "100.0 kB of an earlier download" in plan.stdout
    assert cli("models", "pull", "digest").exit_code == 0
    assert server.ranges[-1] == "bytes=100000-"
    assert kept("digest").read_bytes() == CONTENT


def test_a_dry_run_says_all_and_does_nothing(cli, known, server, artstyle_home):
    outcome = cli("models", "pull", "digest", "base", "--dry-run")
    assert server.asked == []
    assert not artstyle_home.exists()
    assert f"would fetch {server.address}" in outcome.stdout
    assert f"keep as     {kept('digest')}" in outcome.stdout
    assert f"import to   {weights.imported_file(known['base'])}" in outcome.stdout
    assert "size        320.0 kB; " in outcome.stdout
    assert "size        size unknown; " in outcome.stdout
    assert "licence     NON-COMMERCIAL: NVIDIA" in outcome.stdout
    data = cli("models", "pull", "digest", "--dry-run", "--json").json()["models"][0]
    assert data["addresses"] == [server.address]
    assert data["size_bytes"] == len(CONTENT)
    assert data["path"] == str(kept("digest"))


def test_the_dry_run_of_what_is_here_says_so(cli, known, server):
    cli("models", "pull", "digest")
    assert "nothing to do" in cli("models", "pull", "digest", "--dry-run").stdout


def test_licences_are_stated_before_the_fetch(cli, known, server):
    server.script = [answer(404)] * 2
    quiet = cli("models", "pull", "plain", "-q")
    assert quiet.stderr.startswith("warning: licence of plain: COMMERCIAL USE UNCLEAR: BSD-3")
    assert "licence of digest: MIT" in cli("models", "pull", "digest").stderr
    assert "licence" not in cli("models", "pull", "digest", "-q").stderr


@pytest.mark.parametrize("reply", [True, False])
def test_on_a_terminal_one_is_asked(cli, known, server, monkeypatch, reply):
    asked = []
    monkeypatch.setattr("artstyle.cli.models.pull._is_terminal", lambda: True)
    monkeypatch.setattr(
        "artstyle.cli.models.pull.click.confirm",
        lambda text, err: asked.append((text, err)) or reply,
    )
    outcome = cli("models", "pull", "plain")
    assert asked == [("Go on under this licence?", True)]
    assert kept("plain").exists() == reply
    assert outcome.exit_code == (0 if reply else 1)
    assert ("its licence was not accepted" in outcome.stderr) == (not reply)


@pytest.mark.parametrize("words", [["--accept-licence"], ["--yes-licence"]])
def test_one_is_not_asked_after_accepting(cli, known, server, monkeypatch, words):
    monkeypatch.setattr("artstyle.cli.models.pull._is_terminal", lambda: True)
    monkeypatch.setattr(
        "artstyle.cli.models.pull.click.confirm", lambda *_, **__: pytest.fail("it asked")
    )
    assert cli("models", "pull", "plain", *words).exit_code == 0
    assert cli("models", "pull", "digest").exit_code == 0  # free: nothing to accept


def test_an_unknown_name_is_said_before_anything_is_fetched(cli, known, server):
    outcome = cli("models", "pull", "digest", "plane")
    assert outcome.exit_code == 1
    assert "'plane'; did you mean 'plain'?" in outcome.stderr
    assert "artstyle models list" in outcome.stderr
    assert server.asked == []


def test_pull_without_a_name_is_wrong_use(cli):
    assert cli("models", "pull").exit_code == 2


def test_of_several_one_may_fail(cli, known, server):
    server.script = [answer(404)]
    outcome = cli("models", "pull", "plain", "digest", "--json")
    assert outcome.exit_code == 1
    data = outcome.json()
    assert [model["name"] for model in data["models"]] == ["digest"]
    assert "404" in data["failed"]["plain"]
    assert "warning: plain failed: " in outcome.stderr
    assert kept("digest").exists()


def test_a_wrong_digest_is_put_aside_and_nothing_is_pinned(cli, known, server, artstyle_home):
    server.content = CONTENT[::-1]
    outcome = cli("models", "pull", "digest")
    assert outcome.exit_code == 1
    assert f"instead of {DIGEST}" in outcome.stderr
    assert "digest.pth.rejected" in outcome.stderr
    assert not kept("digest").exists()
    assert not (artstyle_home / "pins.json").exists()


def test_what_was_pinned_is_enforced_at_the_next_download(cli, known, server):
    cli("models", "pull", "plain")
    kept("plain").unlink()
    server.content = CONTENT[::-1]
    outcome = cli("models", "pull", "plain")
    assert outcome.exit_code == 1
    assert f"instead of {DIGEST}" in outcome.stderr
    again = cli("models", "pull", "plain", "--repin")
    assert again.exit_code == 0, again.stderr
    pin = Pins(weights.home()).get(kept("plain"))
    assert pin is not None
    assert pin.sha256 == hashlib.sha256(CONTENT[::-1]).hexdigest()


def test_a_file_that_changed_here_is_said_and_can_be_pinned_anew(cli, known, server):
    cli("models", "pull", "plain")
    kept("plain").write_bytes(b"my own")
    outcome = cli("models", "pull", "plain")
    assert outcome.exit_code == 1
    assert f"it was {DIGEST} when pinned" in outcome.stderr
    assert "move it away" in outcome.stderr
    assert cli("models", "pull", "plain", "--repin").exit_code == 0
    assert cli("models", "pull", "plain").exit_code == 0
    assert kept("plain").read_bytes() == b"my own"


def test_repin_does_not_overrule_what_was_published(cli, known, server):
    cli("models", "pull", "digest")
    kept("digest").write_bytes(b"my own")
    outcome = cli("models", "pull", "digest", "--repin")
    assert outcome.exit_code == 1
    assert "were published" in outcome.stderr


def test_no_room_is_said_before_the_first_byte(cli, known, server, monkeypatch):
    patience = Patience(free_bytes=lambda folder: 999)
    monkeypatch.setattr("artstyle.pipeline.pull._PATIENT", patience)
    outcome = cli("models", "pull", "digest")
    assert outcome.exit_code == 1
    assert "320.0 kB are to be written" in outcome.stderr
    assert "only 999 bytes are free" in outcome.stderr
    assert "ARTSTYLE_HOME" in outcome.stderr


def test_a_home_that_cannot_be_made_is_said(cli, known, server, artstyle_home):
    artstyle_home.parent.mkdir(parents=True, exist_ok=True)
    artstyle_home.write_text("a file")
    outcome = cli("models", "pull", "digest")
    assert outcome.exit_code == 1
    assert "cannot be written: something else is in the way" in outcome.stderr
    assert "hint: set ARTSTYLE_HOME" in outcome.stderr


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_a_read_only_home_is_said(cli, known, server, artstyle_home):
    artstyle_home.mkdir(parents=True)
    artstyle_home.chmod(0o500)
    outcome = cli("models", "pull", "digest")
    artstyle_home.chmod(0o700)
    assert outcome.exit_code == 1
    assert "cannot be written: Permission denied" in outcome.stderr


# --- pull --from ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digest", "prefix", "plain"])
def test_a_file_that_one_has_is_laid_in_place(cli, known, server, tmp_path, name):
    mine = tmp_path / "downloads" / "x.pth"
    mine.parent.mkdir()
    mine.write_bytes(CONTENT)
    outcome = cli("models", "pull", name, "--from", mine)
    assert outcome.exit_code == 0, outcome.stderr
    assert server.asked == []
    assert kept(name).read_bytes() == CONTENT
    assert mine.read_bytes() == CONTENT
    pin = Pins(weights.home()).get(kept(name))
    assert pin is not None
    assert pin.source == str(mine)
    again = cli("models", "pull", name, "--from", mine)
    assert (again.exit_code, "it is here" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("digest", b"short", "it has 5 bytes instead of 320000"),
        ("prefix", b"something else", "its sha256 is"),
        ("plain", b"<!doctype html><p>log in", "it is a web page"),
        ("plain", b"version https://git-lfs.github.com/spec/v1\n", "it is a Git LFS pointer"),
    ],
)
@pytest.mark.usefixtures("known")
def test_another_file_is_not_laid_in_place(cli, tmp_path, name, content, words):
    mine = tmp_path / "x.pth"
    mine.write_bytes(content)
    outcome = cli("models", "pull", name, "--from", mine)
    assert outcome.exit_code == 1
    assert f"{mine} is not {name}: {words}" in outcome.stderr
    assert not kept(name).exists()
    assert list(kept(name).parent.glob("*")) == []


def test_a_file_that_is_not_there_is_said(cli, known, tmp_path):
    outcome = cli("models", "pull", "plain", "--from", tmp_path / "none.pth")
    assert outcome.exit_code == 1
    assert "there is no file" in outcome.stderr


def test_one_file_is_for_one_name(cli, known, tmp_path):
    outcome = cli("models", "pull", "plain", "digest", "--from", tmp_path / "x")
    assert outcome.exit_code == 2
    assert "--from goes with one name, not with 2" in outcome.stderr


def test_a_file_is_not_laid_over_another(cli, known, server, tmp_path):
    cli("models", "pull", "plain")
    mine = tmp_path / "x.pth"
    mine.write_bytes(b"another")
    outcome = cli("models", "pull", "plain", "--from", mine)
    assert outcome.exit_code == 1
    assert "is there already" in outcome.stderr
    assert kept("plain").read_bytes() == CONTENT


def test_too_little_room_for_a_copy_is_said(cli, known, tmp_path, monkeypatch):
    mine = tmp_path / "x.pth"
    mine.write_bytes(CONTENT)
    monkeypatch.setattr(
        "artstyle.disk.shutil.disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0)
    )
    assert free_bytes_of(tmp_path) == 0
    outcome = cli("models", "pull", "plain", "--from", mine)
    assert outcome.exit_code == 1
    assert "only 0 bytes are free" in outcome.stderr
    assert not kept("plain").exists()


# --- generators ----------------------------------------------------------------------------------


@pytest.fixture
def published(server: FileServer, known: dict[str, Entry], tmp_path: Path) -> bytes:
    """A pickle as the official tools write it, at the server in the published file's place."""
    from stylegan_ext.checkpoint import read_model
    from stylegan_ext.convert import write_foreign

    model = read_model(write_small_model(tmp_path / "published.safetensors"))
    write_foreign(tmp_path / "published.pkl", model)
    server.content = (tmp_path / "published.pkl").read_bytes()
    return server.content


def test_a_generator_is_made_into_a_model_of_ours(cli, known, server, published, workspace):
    outcome = cli("models", "pull", "base", "--json")
    assert outcome.exit_code == 0, outcome.stderr
    imported = weights.imported_file(known["base"])
    (data,) = outcome.json()["models"]
    assert (data["step"], data["imported"]) == ("fetch", str(imported))
    assert weights.resolve_model("base", workspace) == imported
    from stylegan_ext.header import read_header

    origin = read_header(imported).provenance
    assert origin.licence == known["base"].licence.in_words()
    assert origin.source_sha256 == hashlib.sha256(published).hexdigest()
    assert server.address in origin.source
    assert origin.preprocessing["normalisation"] == known["base"].preprocessing.normalisation
    text = cli("models", "card", "base", "--workspace", workspace).stdout
    assert "licence: NON-COMMERCIAL: NVIDIA" in text


def test_an_import_that_broke_off_is_made_up_for(cli, known, server, published):
    cli("models", "pull", "base")
    imported = weights.imported_file(known["base"])
    first = sha256_of(imported)
    imported.unlink()
    outcome = cli("models", "pull", "base", "--json")
    assert outcome.json()["models"][0]["step"] == "import"
    assert sha256_of(imported) == first
    assert len(server.asked) == 1


def test_the_published_file_may_be_thrown_away(cli, known, server, published):
    cli("models", "pull", "base")
    kept("base").unlink()
    outcome = cli("models", "pull", "base", "--json")
    assert outcome.json()["models"][0]["step"] == "nothing"
    assert len(server.asked) == 1


def test_a_file_that_is_no_model_is_not_pinned(cli, known, server, artstyle_home):
    outcome = cli("models", "pull", "base")
    assert outcome.exit_code == 1
    assert "base.pkl" in outcome.stderr
    assert not weights.imported_file(known["base"]).exists()
    assert not (artstyle_home / "pins.json").exists()


# --- card ----------------------------------------------------------------------------------------


def test_a_card_in_words_and_as_json(cli, workspace):
    write_small_model(workspace / "models" / "mine.safetensors", licence="CC BY 4.0")
    text = cli("models", "card", "mine", "--workspace", workspace)
    assert text.exit_code == 0
    assert text.stdout.startswith("# mine\n\n- name: mine\n")
    data = cli("models", "card", "mine", "--json", "--workspace", workspace).json()["card"]
    assert (data["resolution"], data["licence"]["commercial"]) == (8, "yes")


def test_the_card_of_weights_that_are_here_names_the_file(cli, known, server):
    assert "not on this machine" in cli("models", "card", "digest").stdout
    cli("models", "pull", "digest")
    assert f"- file: {kept('digest')}" in cli("models", "card", "digest").stdout


def test_no_card_for_an_unknown_name(cli, workspace):
    outcome = cli("models", "card", "ffhq-25", "--workspace", workspace)
    assert outcome.exit_code == 1
    assert "did you mean 'ffhq-256'" in outcome.stderr


# --- verify --------------------------------------------------------------------------------------


def verdicts(outcome) -> dict[str, str]:
    return {one["name"]: one["verdict"] for one in outcome.json()["files"]}


def test_all_that_is_here_is_verified(cli, known, server, workspace, starter):
    cli("models", "pull", "digest", "prefix", "plain")
    write_small_model(workspace / "models" / "mine.safetensors")
    write_small_model(starter / "people.safetensors")
    outcome = cli("models", "verify", "--json", "--workspace", workspace)
    assert outcome.exit_code == 0
    assert outcome.json()["ok"] is True
    assert verdicts(outcome) == dict.fromkeys(
        ["mine", "people", "digest", "prefix", "plain"], "good"
    )
    text = cli("models", "verify", "--workspace", workspace).stdout
    assert text.splitlines()[0].split() == ["STATE", "NAME", "DETAIL"]
    assert text.endswith("5 checked, 0 not as they should be\n")


def flip_last_byte(path: Path) -> None:
    """Damage a file so that neither its size nor its time tells."""
    facts = path.stat()
    with path.open("r+b") as stream:
        stream.seek(-1, os.SEEK_END)
        last = stream.read(1)
        stream.seek(-1, os.SEEK_END)
        stream.write(bytes([last[0] ^ 1]))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def test_one_flipped_bit_is_found(cli, known, server, workspace):
    cli("models", "pull", "digest", "plain")
    flip_last_byte(kept("plain"))
    flip_last_byte(write_small_model(workspace / "models" / "mine.safetensors"))
    outcome = cli("models", "verify", "--json", "--workspace", workspace)
    assert outcome.exit_code == 1
    assert verdicts(outcome) == {"mine": "damaged", "digest": "good", "plain": "damaged"}
    text = cli("models", "verify", "--workspace", workspace)
    assert text.exit_code == 1
    assert "when pinned at" in text.stdout
    assert text.stdout.endswith("3 checked, 2 not as they should be\n")


def test_verifying_pins_what_was_not(cli, known, server):
    path = kept("plain")
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    assert verdicts(cli("models", "verify", "plain", "--json")) == {"plain": "good"}
    pin = Pins(weights.home()).get(path)
    assert pin is not None
    assert pin.basis == "first use"


def test_a_published_model_is_verified_with_what_was_made_of_it(
    cli, known, server, published, workspace
):
    cli("models", "pull", "base")
    flip_last_byte(weights.imported_file(known["base"]))
    outcome = cli("models", "verify", "base", "--json", "--workspace", workspace)
    assert [one["verdict"] for one in outcome.json()["files"]] == ["damaged", "good"]


def test_a_missing_file_is_said_with_what_to_type(cli, known):
    outcome = cli("models", "verify", "plain", "--json")
    assert outcome.exit_code == 1
    (found,) = outcome.json()["files"]
    assert found["verdict"] == "missing"
    assert "artstyle models pull plain" in found["detail"]


def test_files_are_verified_by_what_is_known_of_them(cli, known, tmp_path, workspace):
    files = {
        "digest.pth": (CONTENT, "good"),
        "prefix.pth": (CONTENT[::-1], "damaged"),
        "plain.pth": (CONTENT, "unknown"),
        "other.bin": (CONTENT, "unknown"),
    }
    for name, (content, verdict) in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        outcome = cli("models", "verify", path, "--json", "--workspace", workspace)
        assert verdicts(outcome) == {str(path): verdict}
        assert outcome.exit_code == (1 if verdict == "damaged" else 0)
    assert DIGEST in outcome.json()["files"][0]["detail"]


def test_tensors_of_other_tools_are_read_as_far_as_they_go(cli, tmp_path):
    import numpy as np
    from safetensors.numpy import save_file

    path = tmp_path / "other.safetensors"
    save_file({"weight": np.zeros(30, np.float32)}, path)
    outcome = cli("models", "verify", path, "--json")
    assert (outcome.exit_code, verdicts(outcome)) == (0, {str(path): "unknown"})
    path.write_bytes(path.read_bytes()[:-7])
    outcome = cli("models", "verify", path, "--json")
    assert (outcome.exit_code, verdicts(outcome)) == (1, {str(path): "damaged"})


def test_nothing_to_verify_is_no_failure(cli, workspace):
    outcome = cli("models", "verify", "--workspace", workspace)
    assert outcome.exit_code == 0
    assert "no models here" in outcome.stdout


def test_an_unknown_name_cannot_be_verified(cli, workspace):
    outcome = cli("models", "verify", "yunt", "--workspace", workspace)
    assert outcome.exit_code == 1
    assert "did you mean 'yunet'" in outcome.stderr


def test_a_damaged_record_of_digests_is_said(cli, known, server, artstyle_home):
    cli("models", "pull", "plain")
    (artstyle_home / "pins.json").write_text("{")
    outcome = cli("models", "pull", "plain")
    assert outcome.exit_code == 1
    assert "pins.json is damaged" in outcome.stderr
    (artstyle_home / "pins.json").unlink()
    assert cli("models", "verify").exit_code == 0
    assert json.loads((artstyle_home / "pins.json").read_text())["files"]["weights/plain.pth"]
