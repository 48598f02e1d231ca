from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from artstyle.machine import cores, devices, free_disk_bytes, memory_bytes
from artstyle.pipeline.doctor import Finding, data, in_words, is_well, software
from artstyle.weights import status


def by_name(findings, name: str):
    found = [f for f in findings if (f["name"] if isinstance(f, dict) else f.name) == name]
    assert len(found) == 1, f"{name}: {found}"
    return found[0]


def test_a_machine_where_all_is_well(cli, workspace):
    outcome = cli("doctor", "--json", "--workspace", workspace)
    found = outcome.json()
    assert outcome.exit_code == 0
    assert found["ok"] is True
    for name in ("torch", "pillow", "cpu", "python"):
        assert by_name(found["findings"], name)["state"] == "ok"
    version = sys.version.split()[0]
    assert by_name(found["findings"], "python")["value"].startswith(version)
    assert "h264" in by_name(found["findings"], "reads")["value"]
    assert by_name(found["findings"], "folder")["value"] == str(workspace)
    needy = [f for f in found["findings"] if f["state"] != "ok"]
    assert all(f["purpose"] and f["remedy"] for f in needy)


def test_the_table_for_people_has_all_of_it(cli, workspace):
    outcome = cli("doctor", "--workspace", workspace)
    assert outcome.stdout.endswith("the main job works\n")
    lines = outcome.stdout.splitlines()
    sections = ["machine", "packages", "devices", "faces", "video", "optional", "weights"]
    assert [line for line in lines if line in sections] == sections


def test_without_torch_the_main_job_does_not_work(cli, workspace, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it raises ImportError
    outcome = cli("doctor", "--json", "--workspace", workspace)
    assert outcome.exit_code == 1
    assert outcome.json()["ok"] is False
    torch = by_name(outcome.json()["findings"], "torch")
    assert torch["state"] == "broken"
    assert "cannot be imported" in torch["value"]
    assert torch["remedy"] == "pip install --force-reinstall --no-deps 'torch'"
    assert "the main job does not work" in cli("doctor", "--workspace", workspace).stdout


def test_a_package_that_is_not_there_says_what_to_type():
    finding = software.imported("no_such_module", "no-such-thing", "s", "p", essential=True)
    assert finding == Finding(
        "s", "no-such-thing", "missing", "", "p", "pip install 'no-such-thing'", True
    )


def test_an_extra_is_missing_until_all_of_it_is_there(monkeypatch):
    assert software.requirements_of("track") == ("tensorboard", "mlflow-skinny")
    there = {"tensorboard": "1.0"}
    monkeypatch.setattr(software, "version_of", there.get)
    track = by_name(list(software.extras()), "track")
    assert (track.state, track.value) == ("missing", "without mlflow-skinny")
    assert track.remedy == "pip install 'artstyle[track]'"
    there["mlflow-skinny"] = "2.0"
    track = by_name(list(software.extras()), "track")
    assert (track.state, track.value) == ("ok", "tensorboard 1.0, mlflow-skinny 2.0")


def test_what_is_looked_at_is_what_the_package_declares():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))
    declared = project["project"]
    assert {*declared["optional-dependencies"]} == {*software.EXTRAS, "dev"}
    names = {line.split(">")[0].split("<")[0].strip() for line in declared["dependencies"]}
    looked_at = {distribution for distribution, _ in software.ESSENTIAL.values()}
    assert names == looked_at | {"dlib-bin", "face-recognition-models"}


def test_a_second_opencv_is_told_of(monkeypatch):
    version_of = software.version_of
    rival = {"opencv-python": "4.11"}
    monkeypatch.setattr(software, "version_of", lambda name: rival.get(name) or version_of(name))
    finding = by_name(list(software.packages()), "opencv-python")
    assert finding.state == "broken"
    assert not finding.essential
    assert finding.remedy.startswith("pip uninstall opencv-python && ")


def test_codecs_that_are_not_there_are_named(monkeypatch):
    monkeypatch.setattr(software, "DECODERS", ("h264", "no-such-codec"))
    finding = by_name(list(software.video()), "reads")
    assert (finding.state, finding.value) == ("missing", "h264; not no-such-codec")


def test_models_of_dlib_that_are_not_there_are_named(monkeypatch, tmp_path):
    (tmp_path / "shape_predictor_5_face_landmarks.dat").touch()
    monkeypatch.setattr(data, "dlib_models_folder", lambda: tmp_path)
    findings = list(data.faces())
    assert by_name(findings, "dlib 5 points").state == "ok"
    cnn = by_name(findings, "dlib CNN detector")
    assert (cnn.state, cnn.value) == ("missing", "no file mmod_human_face_detector.dat")


def test_without_any_detector_the_main_job_does_not_work(monkeypatch, tmp_path, artstyle_home):
    monkeypatch.setattr(data, "dlib_models_folder", lambda: None)
    verdict = by_name(list(data.faces()), "usable for photos")
    assert (verdict.state, verdict.essential) == ("missing", True)
    assert "artstyle models pull yunet" in verdict.remedy
    there = replace(yunet_status(), state="present")
    monkeypatch.setattr(data, "status", lambda: [there])
    verdict = by_name(list(data.faces()), "usable for photos")
    assert (verdict.state, verdict.value) == ("ok", "yunet")


def yunet_status():
    return next(item for item in status() if item.entry.name == "yunet")


def test_weights_that_are_missing_here_and_changed(monkeypatch, artstyle_home):
    findings = list(data.weights())
    assert by_name(findings, "kept in").value.startswith(f"{artstyle_home} (ARTSTYLE_HOME), ")
    assert by_name(findings, "generators").remedy.startswith("artstyle models list")
    yunet = by_name(findings, "yunet")
    assert (yunet.state, yunet.value) == ("missing", "missing, 232.6 kB")
    assert yunet.remedy == "artstyle models pull yunet"
    changed = [
        replace(item, state="present" if item.entry.name == "ffhq-256" else item.state)
        for item in status()
        if item.entry.name != "yunet"
    ]
    changed.append(replace(yunet_status(), state="changed", detail="not the published file"))
    monkeypatch.setattr(data, "status", lambda: changed)
    findings = list(data.weights())
    generators = by_name(findings, "generators")
    assert generators.state == "ok"
    assert generators.value.endswith(": ffhq-256")
    yunet = by_name(findings, "yunet")
    assert (yunet.state, yunet.value) == ("broken", "not the published file")


@dataclass(frozen=True)
class FakeSpec:
    origin: str | None = None


@pytest.mark.parametrize(
    ("there", "states"),
    [
        ({}, []),
        ({"face_recognition": FakeSpec()}, ["broken"]),
        ({"face_recognition": FakeSpec(), "pkg_resources": FakeSpec()}, ["ok"]),
    ],
)
def test_face_recognition_is_judged_without_importing_it(monkeypatch, there, states):
    monkeypatch.setattr(data, "find_spec", there.get)
    assert [finding.state for finding in data._face_recognition()] == states
    assert "face_recognition" not in sys.modules


def test_the_workspace_says_what_it_holds(workspace, tmp_path):
    (workspace / "datasets" / "ghibli").mkdir()
    (workspace / "datasets" / "ghibli" / "recipe.toml").touch()
    (workspace / "models" / "people.safetensors").touch()
    with closing(sqlite3.connect(workspace / "artstyle.sqlite")) as catalog:
        catalog.execute("PRAGMA user_version = 7")
    findings = list(data.workspace_state(workspace))
    values = {finding.name: (finding.state, finding.value) for finding in findings}
    assert values == {
        "folder": ("ok", str(workspace)),
        "catalog": ("ok", "version 7"),
        "styles": ("ok", "ghibli"),
        "models": ("ok", "people"),
    }
    (workspace / "artstyle.sqlite").write_bytes(b"SQLite format 3\x00" + b"x" * 5000)
    catalog = by_name(list(data.workspace_state(workspace)), "catalog")
    assert catalog.state == "broken"
    assert "is damaged" in catalog.value
    (missing,) = data.workspace_state(tmp_path)
    assert (missing.state, missing.remedy) == ("missing", f"artstyle init {tmp_path}")


def test_looking_at_the_catalog_does_not_change_it(workspace):
    with closing(sqlite3.connect(workspace / "artstyle.sqlite")) as catalog:
        catalog.execute("CREATE TABLE t (x)")
    before = {path.name: path.read_bytes() for path in workspace.iterdir() if path.is_file()}
    list(data.workspace_state(workspace))
    after = {path.name: path.read_bytes() for path in workspace.iterdir() if path.is_file()}
    assert after == before


def test_only_what_is_essential_decides():
    good = Finding("a", "x", "ok", "1", essential=True)
    bad = Finding("a", "y", "missing", "", "a purpose", "a remedy")
    assert is_well((good, bad))
    assert not is_well((good, Finding("a", "z", "broken", "", essential=True)))
    assert in_words((good, bad, Finding("b", "long name", "broken", "v"))) == (
        "a\n"
        "  + x          1\n"
        "  - y          missing\n"
        "               for: a purpose\n"
        "               do:  a remedy\n"
        "\n"
        "b\n"
        "  ! long name  v"
    )


def test_the_machine_has_what_a_machine_has(tmp_path):
    assert cores() >= 1
    assert memory_bytes() is None or memory_bytes() > 100_000_000
    assert free_disk_bytes(tmp_path / "not" / "there") == pytest.approx(
        free_disk_bytes(tmp_path), rel=0.05
    )
    assert devices()[-1].name == "cpu"
