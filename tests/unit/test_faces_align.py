"""Quads, crops and poses, on figures worked out by hand and on dots drawn at known places."""

from __future__ import annotations

import tracemalloc

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artstyle.errors import ImageError, UsageError
from artstyle.faces.align import (
    TEMPLATE,
    align,
    alignment_confidence,
    confidence_of,
    crop_to_picture,
    landmarks_to_eyes_mouth,
    landmarks_to_quad,
    outside_share,
    picture_to_crop,
    pose_of,
    quad_to_crop,
)
from artstyle.faces.beyond import wall_of
from artstyle.faces.landmarks import COUNT, EyesMouth
from artstyle.faces.pose import HEAD
from artstyle.faces.quad import face_window

# Eyes 40 apart, mouth 40 below: e = (40, 0), m = (0, 40), x = (80, 0), centre = (100, 84).
FIVE = np.array([[80.0, 80], [120, 80], [100, 100], [85, 120], [115, 120]])
QUAD = np.array([[20.0, 4], [20, 164], [180, 164], [180, 4]])


def five(points: np.ndarray) -> EyesMouth:
    return landmarks_to_eyes_mouth(points, "five")


def moved(
    points: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]
) -> np.ndarray:
    """Turned clockwise as seen, enlarged, shifted."""
    t = np.radians(degrees)
    turn = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return scale * points @ turn.T + np.array(shift)


def dots(places: np.ndarray, width: int, height: int, sigma: float) -> np.ndarray:
    """Soft white dots, drawn by their formula at pixel centres i + 0.5."""
    y, x = np.mgrid[:height, :width] + 0.5
    light = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in places)
    return np.repeat((255 * np.clip(light, 0, 1)).round().astype(np.uint8)[..., None], 3, axis=2)


def found(rgb: np.ndarray, near: np.ndarray, radius: int) -> np.ndarray:
    """The centre of light around each place."""
    centres = []
    for px, py in near:
        x0, y0 = round(px) - radius, round(py) - radius
        part = rgb[y0 : y0 + 2 * radius, x0 : x0 + 2 * radius, 0].astype(float)
        y, x = np.mgrid[: part.shape[0], : part.shape[1]] + 0.5
        centres.append([x0 + (x * part).sum() / part.sum(), y0 + (y * part).sum() / part.sum()])
    return np.array(centres)


def test_quad_by_hand() -> None:
    np.testing.assert_allclose(landmarks_to_quad(five(FIVE)), QUAD)


def test_quad_of_a_long_face_follows_the_mouth() -> None:
    long = FIVE + np.array(
        [[0, 0], [0, 0], [0, 0], [0, 20], [0, 20]]
    )  # m = (0, 60): half the side is 108
    expected = np.array([100, 86]) + 108 * np.array([[-1, -1], [-1, 1], [1, 1], [1, -1]])
    np.testing.assert_allclose(landmarks_to_quad(five(long)), expected)


def test_quad_of_a_face_on_its_side() -> None:
    # A quarter turn clockwise about (0, 0) sends (x, y) to (-y, x).
    turned = np.column_stack([-QUAD[:, 1], QUAD[:, 0]])
    got = landmarks_to_quad(five(np.column_stack([-FIVE[:, 1], FIVE[:, 0]])))
    np.testing.assert_allclose(got, turned, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(
    st.floats(-180, 180), st.floats(0.1, 10), st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3))
)
def test_quads_and_confidence_move_with_the_face(
    degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    face, plain = five(moved(FIVE, degrees, scale, shift)), five(FIVE)
    quad = landmarks_to_quad(face)
    expected = moved(landmarks_to_quad(plain), degrees, scale, shift)
    np.testing.assert_allclose(quad, expected, atol=1e-6 * max(scale, 1) * 100)
    confidence = alignment_confidence(face, quad)
    assert confidence == pytest.approx(alignment_confidence(plain, QUAD), abs=1e-6)
    there = picture_to_crop(crop_to_picture(FIVE, quad, 256), quad, 256)
    np.testing.assert_allclose(there, FIVE, atol=1e-6)


@pytest.mark.parametrize("degrees", [0.0, 17.0, -140.0])
@pytest.mark.parametrize("scale", [0.7, 2.0, 6.3])
def test_dots_arrive_where_they_belong(degrees: float, scale: float) -> None:
    """Enlarged (0.7), about even (2) and shrunk first (6.3)."""
    size = 256
    width = int(240 * scale)
    shift = np.array([width / 2, width / 2]) - moved(
        np.array([[100.0, 84]]), degrees, scale, (0, 0)
    )
    points = moved(FIVE, degrees, scale, tuple(shift[0]))
    quad = landmarks_to_quad(five(points))
    crop = quad_to_crop(dots(points, width, width, sigma=2.5 * scale), quad, size)
    places = picture_to_crop(points, quad, size)
    np.testing.assert_allclose(places, (FIVE - [20, 4]) / 160 * size, atol=1e-6)
    assert np.abs(found(crop.rgb, places, 14) - places).max() < 0.1


def test_a_whole_picture_is_given_back() -> None:
    rgb = dots(np.array([[20.3, 40.2], [44, 10]]), 64, 64, 4)
    quad = np.array([[0.0, 0], [0, 64], [64, 64], [64, 0]])
    crop = quad_to_crop(rgb, quad, 64)
    assert np.abs(crop.rgb.astype(int) - rgb).max() <= 3
    assert (crop.upscale_factor, crop.enlarged, crop.outside_share) == (1.0, False, 0.0)


def test_enlarging_is_said() -> None:
    rgb = np.zeros((200, 200, 3), np.uint8)
    assert quad_to_crop(rgb, QUAD, 160).upscale_factor == pytest.approx(1)
    assert not quad_to_crop(rgb, QUAD, 240).enlarged
    assert quad_to_crop(rgb, QUAD, 241).enlarged
    assert quad_to_crop(rgb, QUAD, 200, enlarge_limit=1.2).enlarged


def test_what_lies_outside_is_reflected_and_dissolves() -> None:
    rgb = np.zeros((100, 100, 3), np.uint8)
    rgb[:, :10] = 200  # a bright edge; the median is dark
    rgb[:, 40:50] = 200  # its reflection lies far out
    quad = np.array([[-50.0, 0], [-50, 100], [50, 100], [50, 0]])
    crop = quad_to_crop(rgb, quad, 100)
    assert crop.outside_share == pytest.approx(0.5)
    row = crop.rgb[50, :, 0].astype(int)
    assert row[45] > 100  # reflected
    assert 20 < row[5] < 80  # three quarters gone further out
    assert row[54] > 100
    assert row[80] == 0  # the picture itself is left alone
    assert np.abs(np.diff(row[:85])).max() < 130


def test_beyond_a_transparent_edge_the_matte_goes_on_and_a_bust_goes_on_below() -> None:
    matte, alpha = (10, 200, 30), np.zeros((100, 100), np.uint8)
    alpha[10:, 20:80] = 255  # ends before three edges, is cut off by the lower one
    rgb = np.where(alpha[..., None] > 0, np.uint8(90), np.array(matte, np.uint8))
    quad = np.array([[-30.0, -30], [-30, 130], [130, 130], [130, -30]])
    crop = quad_to_crop(rgb, quad, 160, alpha=alpha, matte=matte).rgb
    assert (crop[:30] == matte).all()
    assert (crop[:120, :30] == matte).all()
    assert (crop[:120, 130:] == matte).all()
    assert (crop[132:140, 70:90, 1] < 150).all(), "reflected"
    reflected = quad_to_crop(rgb, quad, 160).rgb
    assert not (reflected[:30] == matte).all(), "without alpha nothing is known of the figure"
    opaque = quad_to_crop(rgb, quad, 160, alpha=np.full_like(alpha, 255), matte=matte).rgb
    assert np.array_equal(opaque, reflected)


def test_only_the_part_of_an_edge_beside_the_square_says_whether_a_figure_ends_there() -> None:
    alpha = np.zeros((200, 200), np.uint8)
    alpha[:, :60] = 255  # a wall on the left; the square lies on the right, around a box
    alpha[160:195, 130:170] = 255
    rgb = np.where(alpha[..., None] > 0, np.uint8(0), np.full(3, 255, np.uint8))
    quad = np.array([[100.0, 150], [100, 250], [200, 250], [200, 150]])
    assert (quad_to_crop(rgb, quad, 100, alpha=alpha).rgb[48:] == 255).all()


def test_a_plain_wall_is_known_and_a_textured_one_is_not() -> None:
    rgb = np.full((100, 80, 3), (200, 220, 240), np.uint8)
    rgb[40:, 10:70] = 30
    found = wall_of(rgb)
    assert found is not None
    assert found[1] == (200, 220, 240)
    assert np.array_equal(found[0] > 0, (rgb == 30).all(axis=2))
    noise = np.random.default_rng(1).integers(-9, 10, rgb.shape)
    assert wall_of((rgb + noise).clip(0, 255).astype(np.uint8)) is None


@pytest.mark.parametrize("side", [50.0, 110.0, 190.0, 370.0])
def test_few_samples_are_taken_only_where_they_suffice(side: float) -> None:
    """Against sixteen samples a pixel, whatever the size of the square."""
    rng = np.random.default_rng(1)
    rgb = cv2.GaussianBlur(rng.integers(0, 256, (500, 500, 3), dtype=np.uint8), (0, 0), 0.8)
    turn = np.array([[0.0, 0], [0.2, 1], [1.2, 0.8], [1, -0.2]]) * side + [40, 100]
    crop = quad_to_crop(rgb, turn, 100).rgb.astype(float)
    across, down = (turn[3] - turn[0]) / 1600, (turn[1] - turn[0]) / 1600
    way = np.column_stack([across, down, turn[0] + (across + down) / 2 - 0.5])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    many = cv2.warpAffine(rgb, way, (1600, 1600), flags=flags)
    exact = np.asarray(Image.fromarray(many).resize((100, 100), Image.Resampling.LANCZOS))
    assert np.sqrt(np.square(crop - exact).mean()) < 0.5


def test_outside_share_of_a_turned_square() -> None:
    diamond = np.array([[0.0, -10], [-10, 0], [0, 10], [10, 0]])
    assert outside_share(diamond, 100, 100) == pytest.approx(0.75)


def test_a_gigantic_picture_is_not_copied() -> None:
    # One row in memory, seen 14,000 times: a copy of the whole would need 588 MB.
    row = np.tile(np.linspace(0, 255, 14000).astype(np.uint8)[None, :, None], (1, 1, 3))
    rgb = np.broadcast_to(row, (14000, 14000, 3))
    quad = np.array([[6000.0, 6000], [6000, 6600], [6600, 6600], [6600, 6000]])
    tracemalloc.start()
    try:
        crop = quad_to_crop(rgb, quad, 128)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert crop.rgb[64, 64, 0] == pytest.approx(255 * 6300 / 14000, abs=2)
    assert peak_bytes < 20_000_000


def test_faults_are_refused() -> None:
    rgb = np.zeros((50, 50, 3), np.uint8)
    with pytest.raises(ImageError, match="outside of the picture"):
        quad_to_crop(rgb, QUAD + 500, 64)
    with pytest.raises(ImageError, match="uint8 HWC"):
        quad_to_crop(rgb[..., 0], QUAD, 64)
    with pytest.raises(UsageError, match="no square"):
        quad_to_crop(rgb, QUAD[::-1], 64)
    with pytest.raises(UsageError, match="no direction"):
        landmarks_to_quad(five(np.zeros((5, 2))))
    with pytest.raises(UsageError, match=r"\[68, 2\]"):
        landmarks_to_eyes_mouth(FIVE, "dlib-68")
    with pytest.raises(UsageError, match=r"points \[2\]"):
        landmarks_to_eyes_mouth(np.where(np.arange(5)[:, None] == 2, np.nan, FIVE), "five")


def test_the_template_is_trusted_and_a_slipped_point_is_not() -> None:
    face = TEMPLATE * 256
    assert confidence_of(face, "five") > 0.97
    assert confidence_of(face, "five-estimated") == 0.3
    slipped = face + np.array([[0, 0], [0, 0], [0, 0], [0, 0], [40, 0]])
    assert confidence_of(slipped, "five") < 0.5


def test_sides_are_the_viewers_in_every_scheme() -> None:
    for kind in ("dlib-68", "anime-28"):
        # Every point at its own number: means tell which were taken.
        points = np.column_stack([np.arange(COUNT[kind]), np.zeros(COUNT[kind])])
        face = landmarks_to_eyes_mouth(points, kind)
        expected = (38.5, 44.5, 30, 48, 54) if kind == "dlib-68" else (13.5, 19.5, 23, 24, 26)
        assert face.five()[:, 0].tolist() == list(expected)
    # dlib-5: right outer, right inner, left inner or outer, ..., base of the nose
    face = landmarks_to_eyes_mouth(
        np.array([[130.0, 80], [110, 80], [70, 80], [90, 80], [100, 110]]), "dlib-5"
    )
    assert face.left_eye.tolist() == [80, 80]
    assert face.right_eye.tolist() == [120, 80]
    np.testing.assert_allclose(face.mouth, [100, 80 + 1.319 * 30])


@settings(max_examples=40, deadline=None)
@given(st.floats(-60, 60), st.floats(-40, 40), st.floats(-170, 170), st.floats(5, 500))
def test_the_pose_of_a_turned_head_is_found(
    yaw: float, pitch: float, roll: float, scale: float
) -> None:
    a, b, c = np.radians([yaw, pitch, roll])
    lift = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    tilt = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    seen = scale * (HEAD @ (tilt @ turn @ lift).T)[:, :2] + [300, 200]
    pose = pose_of(five(seen))
    got = (pose.yaw_deg, pose.pitch_deg, pose.roll_deg, pose.scale_px)
    np.testing.assert_allclose(got, (yaw, pitch, roll, scale), atol=1e-3)


def test_the_nose_says_where_the_head_is_turned() -> None:
    face = TEMPLATE * 100
    assert pose_of(five(face + np.eye(5)[2][:, None] * [5, 0])).yaw_deg > 5
    assert pose_of(five(face + np.eye(5)[2][:, None] * [0, -5])).pitch_deg > 5


def test_align_does_all_of_it() -> None:
    aligned = align(np.full((200, 200, 3), 90, np.uint8), FIVE, "five", 32)
    assert aligned.crop.rgb.shape == (32, 32, 3)
    assert set(aligned.crop.rgb.ravel().tolist()) == {90}
    np.testing.assert_allclose(aligned.crop.quad_px, QUAD)


@pytest.mark.parametrize("size_px", [16, 64, 257])
def test_the_window_lies_on_brows_to_chin_and_nowhere_else(size_px):
    window = face_window(size_px)
    assert window.shape == (size_px, size_px)
    assert window.dtype == np.float32
    assert window.mean() == pytest.approx(1, abs=1e-5)
    assert np.allclose(window, window[:, ::-1], atol=1e-5)
    assert window.max() == pytest.approx(5 * window.min(), rel=1e-4)
    for x, y in TEMPLATE:  # eyes, nose, mouth
        assert window[int(y * size_px), int(x * size_px)] == pytest.approx(window.max(), rel=0.01)
    edge = np.concatenate([window[0], window[-1], window[:, 0], window[:, -1]])
    assert np.allclose(edge, window.min())
