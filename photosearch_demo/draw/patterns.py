"""Printed and woven patterns, as SVG tiles in three colours.

Each is a few shapes in a cell that repeats. The names are words of a title ("striped mug"),
so that text and picture of a listing agree.
"""

from photosearch_demo.draw.palette import mix

# name -> (cell width, cell height, turn in degrees, shapes with {g}round {f}igure {t}hird {m}ix)
_CELLS: dict[str, tuple[float, float, float, str]] = {
    "striped": (24, 24, 0, '<rect width="11" height="24" fill="{f}"/>'),
    "hooped": (
        40,
        40,
        0,
        '<rect width="40" height="13" fill="{f}"/><rect y="22" width="40" height="4" fill="{t}"/>',
    ),
    "pinstriped": (12, 12, 0, '<rect width="2.2" height="12" fill="{f}"/>'),
    "diagonal": (
        26,
        26,
        45,
        '<rect width="9" height="26" fill="{f}"/><rect x="14" width="3" height="26" fill="{t}"/>',
    ),
    "dotted": (
        26,
        26,
        0,
        '<circle cx="6.5" cy="6.5" r="5" fill="{f}"/>'
        '<circle cx="19.5" cy="19.5" r="5" fill="{f}"/>',
    ),
    "bubbled": (
        60,
        60,
        10,
        '<circle cx="17" cy="17" r="13" fill="{f}"/><circle cx="45" cy="41" r="10" fill="{t}"/>'
        '<circle cx="47" cy="11" r="5" fill="{t}"/><circle cx="14" cy="48" r="6" fill="{f}"/>',
    ),
    "checked": (
        28,
        28,
        0,
        '<rect width="14" height="14" fill="{f}"/><rect x="14" y="14" width="14" height="14" '
        'fill="{f}"/>',
    ),
    "plaid": (
        44,
        44,
        0,
        '<rect width="17" height="44" fill="{f}" opacity=".55"/>'
        '<rect width="44" height="17" fill="{f}" opacity=".55"/>'
        '<rect x="28" width="3" height="44" fill="{t}"/><rect y="28" width="44" height="3" '
        'fill="{t}"/>',
    ),
    "gingham": (
        22,
        22,
        0,
        '<rect width="11" height="22" fill="{m}"/><rect width="22" height="11" fill="{m}"/>'
        '<rect width="11" height="11" fill="{f}"/>',
    ),
    "chevron": (
        32,
        24,
        0,
        '<path d="M0 4L16 16L32 4V12L16 24L0 12z" fill="{f}"/>',
    ),
    "zigzag": (
        28,
        30,
        0,
        '<path d="M-2 10L7 2L21 18L30 10" fill="none" stroke="{f}" stroke-width="5"/>'
        '<path d="M-2 25L7 17L21 33L30 25" fill="none" stroke="{t}" stroke-width="3"/>',
    ),
    "starred": (
        46,
        46,
        0,
        '<path d="M13 2l3 8h8l-6 5 2 8-7-5-7 5 2-8-6-5h8z" fill="{f}"/>'
        '<path d="M36 26l2.4 6h6l-5 4 2 6-5.4-4-5.4 4 2-6-5-4h6z" fill="{t}"/>',
    ),
    "floral": (
        56,
        56,
        8,
        '<g fill="{f}"><circle cx="15" cy="7" r="6"/><circle cx="22" cy="13" r="6"/>'
        '<circle cx="19" cy="21" r="6"/><circle cx="11" cy="21" r="6"/><circle cx="8" cy="13" '
        'r="6"/></g><circle cx="15" cy="15" r="4.5" fill="{t}"/>'
        '<g fill="{t}"><circle cx="42" cy="36" r="4"/><circle cx="47" cy="42" r="4"/>'
        '<circle cx="42" cy="48" r="4"/><circle cx="37" cy="42" r="4"/></g>'
        '<circle cx="42" cy="42" r="3" fill="{f}"/>',
    ),
    "leafy": (
        44,
        52,
        20,
        '<path d="M10 2q14 8 4 24q-14 -8 -4 -24z" fill="{f}"/>'
        '<path d="M32 26q14 8 4 24q-14 -8 -4 -24z" fill="{t}"/>'
        '<path d="M34 2q9 5 2 14q-9 -5 -2 -14z" fill="{f}"/>',
    ),
    "terrazzo": (
        70,
        70,
        0,
        '<g fill="{f}"><path d="M6 8l12-4 6 10-9 8-10-4z"/><path d="M40 46l13 2 2 11-13 5-8-9z"/>'
        '</g><g fill="{t}"><path d="M44 8l9 3-2 10-11-3z"/><path d="M10 44l10 3-4 10-9-3z"/></g>'
        '<g fill="{m}"><path d="M30 26l8 2-1 8-9-1z"/><path d="M58 30l7 3-4 7-6-4z"/></g>',
    ),
    "triangular": (
        36,
        32,
        0,
        '<path d="M0 0L18 32L36 0z" fill="{f}"/><path d="M9 0h18L18 15z" fill="{t}"/>',
    ),
    "wavy": (
        48,
        26,
        0,
        '<path d="M-2 8q13 -12 25 0t27 0" fill="none" stroke="{f}" stroke-width="6"/>'
        '<path d="M-2 21q13 -12 25 0t27 0" fill="none" stroke="{t}" stroke-width="2.5"/>',
    ),
    "scalloped": (
        32,
        32,
        0,
        '<circle cx="16" cy="0" r="15" fill="{f}"/><circle cx="0" cy="16" r="15" fill="{m}"/>'
        '<circle cx="32" cy="16" r="15" fill="{m}"/><circle cx="16" cy="32" r="6" fill="{t}"/>',
    ),
    "diamond": (
        34,
        46,
        0,
        '<path d="M17 0L34 23L17 46L0 23z" fill="{f}"/><path d="M17 14l6 9-6 9-6-9z" fill="{t}"/>',
    ),
}

PATTERNS = ("plain", *_CELLS)


def tile(name: str, tile_id: str, scale: float, ground: str, figure: str, third: str) -> str:
    """The ``<pattern>`` element of one pattern.

    Raises:
        KeyError: if there is no pattern of that name.
    """
    width, height, turn, shapes = _CELLS[name]
    drawn = shapes.format(f=figure, t=third, m=mix(ground, figure, 0.5))
    return (
        f'<pattern id="{tile_id}" width="{width}" height="{height}" '
        f'patternUnits="userSpaceOnUse" patternTransform="rotate({turn}) scale({scale:.3f})">'
        f'<rect width="{width}" height="{height}" fill="{ground}"/>{drawn}</pattern>'
    )
