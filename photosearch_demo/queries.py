"""Hard query pictures: a known product as a shopper's phone would see it.

A query takes the product's cut-out and takes everything else away: another and busy
background, turned, seen aslant, cut off at the edge, in coloured and uneven light, blurred,
noisy, and pressed into a JPEG of quality 40. Only what a search by appearance should go by is
left. :class:`Hardness` says how far; its defaults were tuned until the default network, which
hardly sees colour, finds .95 of the demo's goods (docs/benchmarks.md tells by how much).
"""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from photosearch_demo.draw.backdrops import TIMBERS, grain, timber

QUERY_SIDE = 480
JPEG_QUALITY = 40
_NARROWEST = 0.5625  # a phone held upright or across


@dataclass(frozen=True)
class Hardness:
    """How far a query is from its photo: the most that each change may do."""

    turn_degrees: float = 4
    slant: float = 0.04  # how far a corner moves, in sides
    crop: float = 0.01  # how far off the middle, in sides: what lies outside is cut off
    smallest: float = 0.92  # of the frame that the product fills
    largest: float = 1.0
    stretch: float = 0.02  # how far the frame's shape is from the product's
    light: float = 0.06  # unevenness and colour of the light
    blur: float = 0.5  # pixels
    noise: float = 3  # grey levels
    calm: float = 0.7  # how much of the background's contrast is taken away


PHONE = Hardness(9, 0.1, 0.05, 0.88, 1.12, 0.17, 0.18, 0.8, 5, 0)
"""A hurried picture with a phone: all of it stronger, the background as loud as it is."""


def render_query(
    product: Image.Image, rng: np.random.Generator, hardness: Hardness | None = None
) -> Image.Image:
    """A hard picture of a product.

    Args:
        product: the cut-out, RGBA; only what its alpha shows is used.
        rng: decides everything; the same generator state gives the same picture.
        hardness: how hard; :class:`Hardness` as it stands by default.

    Returns:
        RGB, its long side ``QUERY_SIDE``, with the marks of a JPEG of quality 40.
    """
    hard = hardness or Hardness()
    box = product.getchannel("A").point(lambda level: 255 if level > 24 else 0).getbbox()
    cut = product.crop(box) if box else product
    aspect = min(
        max(cut.width / cut.height * rng.uniform(1 - hard.stretch, 1 + hard.stretch), _NARROWEST),
        1 / _NARROWEST,
    )
    frame = (
        (QUERY_SIDE, round(QUERY_SIDE / aspect))
        if aspect > 1
        else (round(QUERY_SIDE * aspect), QUERY_SIDE)
    )
    seen = _placed(cut, rng, hard, frame)
    background = busy_background(rng, QUERY_SIDE).crop((0, 0, *frame))
    picture = np.array(background, np.float32)
    picture += (picture.mean((0, 1)) - picture) * hard.calm
    alpha = seen.getchannel("A")
    shadow = alpha.filter(ImageFilter.GaussianBlur(9))
    moved = np.roll(np.asarray(shadow, np.float32), rng.integers(-16, 17, 2), axis=(0, 1))
    picture *= 1 - 0.5 * moved[..., None] / 255
    cover = np.asarray(alpha, np.float32)[..., None] / 255
    picture += (np.asarray(seen, np.float32)[..., :3] - picture) * cover
    image = Image.fromarray(np.clip(_lit(picture, rng, hard), 0, 255).astype(np.uint8))
    image = image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.2, 1)) * hard.blur))
    return Image.open(io.BytesIO(as_jpeg(image))).convert("RGB")


def as_jpeg(image: Image.Image, quality: int = JPEG_QUALITY) -> bytes:
    """The picture as a JPEG file's bytes."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _placed(
    cut: Image.Image, rng: np.random.Generator, hard: Hardness, frame: tuple[int, int]
) -> Image.Image:
    """The cut-out turned, slanted and set into an empty frame, partly outside it."""
    angle = np.deg2rad(rng.uniform(-hard.turn_degrees, hard.turn_degrees))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    unit = np.array([(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)])
    size = np.array((cut.width, cut.height), float)
    reach = np.ptp(unit * size @ turn.T, axis=0)  # of the turned cut-out, in its own pixels
    scale = float(np.min(np.array(frame) / reach)) * float(rng.uniform(hard.smallest, hard.largest))
    corners = unit * size * scale
    corners += rng.uniform(-hard.slant, hard.slant, (4, 2)) * size * scale * 0.5
    centre = np.array(frame) * (0.5 + rng.uniform(-hard.crop, hard.crop, 2))
    target = corners @ turn.T + centre
    source = (unit + 0.5) * size
    return cut.transform(
        frame,
        Image.Transform.PERSPECTIVE,
        tuple(_perspective(target, source)),
        Image.Resampling.BICUBIC,
    )


def _perspective(target: NDArray[np.float64], source: NDArray[np.float64]) -> NDArray[np.float64]:
    """The eight numbers that map four points of the result onto four of the source."""
    rows = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    return np.asarray(np.linalg.solve(np.array(rows), source.reshape(8)), np.float64)


def _lit(
    picture: NDArray[np.float32], rng: np.random.Generator, hard: Hardness
) -> NDArray[np.float32]:
    """Uneven, coloured light, a little over or under, and the noise of a small sensor."""
    height, width = picture.shape[:2]
    x = np.linspace(-1, 1, width, dtype=np.float32)
    y = np.linspace(-1, 1, height, dtype=np.float32)
    angle = float(rng.uniform(0, 2 * np.pi))
    ramp = np.cos(angle) * x[None, :] + np.sin(angle) * y[:, None]
    level = float(rng.uniform(1 - hard.light * 0.6, 1 + hard.light * 0.4))
    light = level * (1 + hard.light * 0.7 * ramp)
    cast = rng.uniform(1 - hard.light * 0.35, 1 + hard.light * 0.35, 3)
    contrast = float(rng.uniform(1 - hard.light * 0.5, 1 + hard.light * 0.3))
    lit = ((picture - 120) * contrast + 120) * light[..., None] * cast
    return np.asarray(
        lit + hard.noise * rng.standard_normal((height, width, 1), np.float32), np.float32
    )


def busy_background(rng: np.random.Generator, side: int) -> Image.Image:
    """A background as a phone finds it: boards, tiles, a printed cloth, grass, a full desk."""
    painters = (_boards, _tiles, _printed_cloth, _grass, _desk, _lights)
    background = painters[int(rng.integers(len(painters)))](rng, side)
    # A phone's lens is sharp on what is near; what lies behind is a little soft.
    return background.filter(ImageFilter.GaussianBlur(float(rng.uniform(1, 3))))


def _colour(rng: np.random.Generator, low: int = 40, high: int = 225) -> tuple[int, int, int]:
    """A colour of things indoors: seldom as loud as goods are."""
    level, bright = rng.integers(low, high, 3), rng.integers(low, high)
    red, green, blue = (int(part) for part in level * 0.55 + bright * 0.45)
    return red, green, blue


def _array_image(picture: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def _boards(rng: np.random.Generator, side: int) -> Image.Image:
    board = _array_image(timber(rng, side, side, int(rng.integers(5, 12)), TIMBERS))
    return board.rotate(90) if rng.random() < 0.5 else board


def _tiles(rng: np.random.Generator, side: int) -> Image.Image:
    image = Image.new("RGB", (side, side), _colour(rng, 90, 200))
    draw = ImageDraw.Draw(image)
    base = np.array(_colour(rng))
    wide, high = int(rng.integers(34, 80)), int(rng.integers(20, 60))
    for row, y in enumerate(range(-high, side, high)):
        for x in range(-wide, side + wide, wide):
            shade = tuple(int(v) for v in np.clip(base + rng.integers(-28, 29), 0, 255))
            left = x + (row % 2) * wide // 2
            draw.rectangle((left + 2, y + 2, left + wide - 2, y + high - 2), fill=shade)
    return image


def _printed_cloth(rng: np.random.Generator, side: int) -> Image.Image:
    step, base = int(rng.integers(36, 80)), np.array(_colour(rng))
    colours = [tuple(int(v) for v in base + (np.array(_colour(rng)) - base) * 0.6) for _ in "123"]
    image = Image.new("RGB", (side, side), tuple(int(v) for v in base))
    draw = ImageDraw.Draw(image)
    striped = rng.random() < 0.5
    for index, x in enumerate(range(-side, 2 * side, step)):
        if striped:
            draw.line((x, 0, x + side // 2, side), fill=colours[index % 3], width=step // 2)
            continue
        for row, y in enumerate(range(0, side + step, step)):
            r = step // 3
            cx = x + (row % 2) * step // 2
            draw.ellipse((cx - r, y - r, cx + r, y + r), fill=colours[(index + row) % 3])
    return image


def _grass(rng: np.random.Generator, side: int) -> Image.Image:
    base = np.array((70, 110, 48) if rng.random() < 0.6 else (120, 96, 62), np.float32)
    tone = 18 * grain(rng, 160, 90, side, side) + 12 * grain(rng, 40, 40, side, side)
    return _array_image(base + (tone + 10 * grain(rng, 9, 9, side, side))[..., None])


def _desk(rng: np.random.Generator, side: int) -> Image.Image:
    """Papers, boxes and lids lying about."""
    image = Image.new("RGB", (side, side), _colour(rng, 90, 220))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(14, 26))):
        x, y = rng.integers(-40, side, 2)
        size = int(rng.integers(40, 130))
        if rng.random() < 0.3:
            draw.ellipse((x, y, x + size, y + size), fill=_colour(rng), outline=_colour(rng))
            continue
        angle = float(rng.uniform(0, np.pi))
        along = np.array((np.cos(angle), np.sin(angle))) * size
        across = np.array((-np.sin(angle), np.cos(angle))) * size * rng.uniform(0.3, 1)
        start = np.array((x, y), float)
        corners = [start, start + along, start + along + across, start + across]
        draw.polygon(
            [(float(a), float(b)) for a, b in corners], fill=_colour(rng), outline=_colour(rng)
        )
    return image


def _lights(rng: np.random.Generator, side: int) -> Image.Image:
    """A street or a shop, far out of focus."""
    image = Image.new("RGB", (side, side), _colour(rng, 20, 110))
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(30, 60))):
        x, y = rng.integers(0, side, 2)
        r = int(rng.integers(8, 34))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=_colour(rng, 30, 240))
    return image.filter(ImageFilter.GaussianBlur(4))
