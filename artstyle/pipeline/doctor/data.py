"""What is not a package: models of the detectors, published weights, the workspace's own state."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

from artstyle import machine
from artstyle.pipeline.doctor.finding import Finding
from artstyle.pipeline.doctor.software import OPENCV, gigabytes, imported, reinstall
from artstyle.weights import HOME_VARIABLE, WeightStatus, home, size_in_words, status
from artstyle.workspace import Workspace, is_workspace

# What it does -> (file inside face_recognition_models, what one should know of it).
DLIB_MODELS = {
    "5 points": ("shape_predictor_5_face_landmarks.dat", ""),
    "68 points": (
        "shape_predictor_68_face_landmarks.dat",
        "trained on 300-W: not for commercial products",
    ),
    "CNN detector": ("mmod_human_face_detector.dat", ""),
    "descriptor": ("dlib_face_recognition_resnet_model_v1.dat", ""),
}
_FACES = "faces"


def faces() -> Iterator[Finding]:
    """What can find faces, and whether anything can."""
    dlib = tuple(_dlib_faces())
    opencv = tuple(_opencv_faces())
    yield from (*dlib, *opencv, *_face_recognition())
    yield _any_detector((*dlib, *opencv))


def _any_detector(findings: tuple[Finding, ...]) -> Finding:
    """Whether faces of people can be found at all; the main job starts with one."""
    good = {finding.name for finding in findings if finding.state == "ok"}
    present = {item.entry.name for item in status() if item.state == "present"}
    usable = ["dlib"] if {"dlib-bin", "dlib 5 points"} <= good else []
    usable += ["yunet"] if "OpenCV FaceDetectorYN" in good and "yunet" in present else []
    if usable:
        value = ", ".join(usable)
        return Finding(_FACES, "usable for photos", "ok", value, essential=True)
    return Finding(
        _FACES,
        "usable for photos",
        "missing",
        "no detector",
        "finding the face in a photo",
        "pip install dlib-bin face-recognition-models, or: artstyle models pull yunet",
        essential=True,
    )


def _dlib_faces() -> Iterator[Finding]:
    """What dlib needs: the package, and its models."""
    yield imported("dlib", "dlib-bin", _FACES, "detectors dlib and dlib-cnn")
    folder = dlib_models_folder()
    for name, (file_name, remark) in DLIB_MODELS.items():
        there = folder is not None and (folder / file_name).is_file()
        yield Finding(
            _FACES,
            f"dlib {name}",
            "ok" if there else "missing",
            remark if there else f"no file {file_name}",
            "detectors dlib and dlib-cnn",
            "" if there else reinstall("face-recognition-models"),
        )


def dlib_models_folder() -> Path | None:
    """Where face_recognition_models keeps its files; it is not imported, since that can fail."""
    spec = find_spec("face_recognition_models")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent / "models"


def _opencv_faces() -> Iterator[Finding]:
    """What OpenCV brings for faces: the network's code, and the cascades."""
    if imported("cv2", "opencv-python-headless", "", "").state != "ok":
        return
    import cv2

    for name, attribute, purpose in (
        ("FaceDetectorYN", "FaceDetectorYN", "detector yunet"),
        ("cascades", "CascadeClassifier", "detector lbp-anime"),
    ):
        there = hasattr(cv2, attribute)
        yield Finding(
            _FACES,
            f"OpenCV {name}",
            "ok" if there else "missing",
            "" if there else f"OpenCV {cv2.__version__} has no {attribute}",
            purpose,
            "" if there else reinstall(OPENCV),
        )


def _face_recognition() -> Iterator[Finding]:
    """The package face_recognition, where somebody installed it: artstyle never imports it."""
    if find_spec("face_recognition") is None:
        return
    if find_spec("pkg_resources") is None:
        value = "installed, and importing it ends Python: it needs pkg_resources"
        remedy = "pip install 'setuptools<81', or leave it: artstyle does not use it"
        yield Finding(_FACES, "face_recognition", "broken", value, "nothing here", remedy)
    else:
        yield Finding(_FACES, "face_recognition", "ok", "installed; artstyle does not use it")


def weights() -> Iterator[Finding]:
    """Which published weights are here; generators in one line, since nobody needs them all."""
    section = "weights"
    free = gigabytes(machine.free_disk_bytes(home()))
    yield Finding(section, "kept in", "ok", f"{home()} ({HOME_VARIABLE}), {free} free")
    states = tuple(status())
    yield _generators(tuple(item for item in states if item.entry.is_generator))
    for item in states:
        if item.state == "changed":
            name, purpose = item.entry.name, item.entry.purpose
            remedy = f"artstyle models pull {name}"
            yield Finding(section, name, "broken", item.detail, purpose, remedy)
        elif not item.entry.is_generator:
            yield _network(item)


def _generators(states: tuple[WeightStatus, ...]) -> Finding:
    here = [item.entry.name for item in states if item.state == "present"]
    purpose = "published models to draw with, to project into and to fine-tune from"
    if here:
        value = f"{len(here)} of {len(states)}: {', '.join(here)}"
        return Finding("weights", "generators", "ok", value, purpose)
    value = f"none of {len(states)}"
    remedy = "artstyle models list, then: artstyle models pull NAME"
    return Finding("weights", "generators", "missing", value, purpose, remedy)


def _network(item: WeightStatus) -> Finding:
    """A detector or a network to measure with."""
    name, size, purpose = item.entry.name, size_in_words(item.entry), item.entry.purpose
    if item.state == "present":
        return Finding("weights", name, "ok", size, purpose)
    return Finding("weights", name, "missing", f"missing, {size}", purpose, item.detail)


def workspace_state(folder: Path) -> Iterator[Finding]:
    """What the workspace holds."""
    section = "workspace"
    if not is_workspace(folder):
        remedy = f"artstyle init {folder}"
        value = f"{folder} is none"
        yield Finding(section, "folder", "missing", value, "datasets, runs and models", remedy)
        return
    workspace = Workspace(folder)
    yield Finding(section, "folder", "ok", str(folder))
    yield _catalog(workspace)
    styles = ", ".join(workspace.styles()) or "none yet"
    yield Finding(section, "styles", "ok", styles)
    models = sorted(path.stem for path in workspace.models.glob("*.safetensors"))
    yield Finding(section, "models", "ok", ", ".join(models) or "none yet")


def _catalog(workspace: Workspace) -> Finding:
    """The catalog's version, read without opening it for writing."""
    section, purpose = "workspace", "what came from what"
    if not workspace.catalog.exists():
        return Finding(section, "catalog", "ok", "none yet", purpose)
    address = f"{workspace.catalog.absolute().as_uri()}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.Error as error:
        verdict, version = str(error), None
    if verdict != "ok":
        value = f"{workspace.catalog} is damaged: {verdict}"
        remedy = f"move it away, or take back a copy; a new one is made at {workspace.catalog}"
        return Finding(section, "catalog", "broken", value, purpose, remedy)
    return Finding(section, "catalog", "ok", f"version {version}", purpose)
