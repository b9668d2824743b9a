#!/usr/bin/env python3
"""Writes src/tables.rs, the constants of the elementary functions, and tests/reference/*.csv, what they are tested
against. Both come from mpmath at 60 digits. Needs: pip install mpmath. The formats are explained in docs/rules/pricing.md.

usage: tables.py            (run in crates/pricing)
"""

import pathlib
import random

import mpmath as mp

mp.mp.dps = 60
HERE = pathlib.Path(__file__).resolve().parent.parent
CDF_DEGREE = 9
CDF_INTERVALS = 96


def fixed(value, bits):
    return int(mp.nint(mp.mpf(value) * mp.mpf(2) ** bits))


def scaled_tail(z):
    """Phi(-z) * exp(z^2 / 2): the Mills ratio over sqrt(2 pi)."""
    return mp.erfc(z / mp.sqrt(2)) / 2 * mp.exp(z * z / 2)


def interpolate(function, centre, half_width, degree):
    """Coefficients in t on [-1, 1] of the polynomial through the Chebyshev points, which is within a factor of two of the best."""
    count = degree + 1
    points = [mp.cos(mp.pi * (index + mp.mpf(1) / 2) / count) for index in range(count)]
    matrix = mp.matrix(count, count)
    for row, point in enumerate(points):
        for column in range(count):
            matrix[row, column] = point**column
    return list(mp.lu_solve(matrix, mp.matrix([function(centre + half_width * point) for point in points])))


def rows(values, per_row, indent="    "):
    text = ""
    for start in range(0, len(values), per_row):
        text += indent + ", ".join(f"{value:_}" for value in values[start : start + per_row]) + ",\n"
    return text


def table(doc, name, kind, values, per_row=4):
    lines = "".join(f"/// {line}\n" for line in doc.split("\n"))
    return f"{lines}#[rustfmt::skip]\npub(crate) const {name}: [{kind}; {len(values)}] = [\n{rows(values, per_row)}];\n\n"


def constant(doc, name, kind, value):
    return f"/// {doc}\npub(crate) const {name}: {kind} = {value:_};\n\n"


def rust():
    text = (
        "//! Constants of the elementary functions, written by `scripts/tables.py`; do not edit. Qn counts 2^-n.\n\n"
    )
    text += constant("ln 2, Q114.", "LN_2_Q114", "u128", fixed(mp.log(2), 114))
    text += constant("ln 2, Q80.", "LN_2_Q80", "i128", fixed(mp.log(2), 80))
    text += constant("1 / ln 2, Q62.", "LOG2_E_Q62", "u64", fixed(1 / mp.log(2), 62))
    text += constant("1 / √(2π), Q64.", "INVERSE_ROOT_TWO_PI_Q64", "u64", fixed(1 / mp.sqrt(2 * mp.pi), 64))
    text += table("e^(-i/64), Q63.", "EXP_COARSE", "u64", [fixed(mp.exp(-mp.mpf(i) / 64), 63) for i in range(46)])
    text += table("e^(-i/4096), Q63.", "EXP_FINE", "u64", [fixed(mp.exp(-mp.mpf(i) / 4096), 63) for i in range(64)])
    reciprocals = [fixed(1 / (1 + (i + mp.mpf(1) / 2) / 128), 63) for i in range(128)]
    text += table("1 / (1 + (i + 1/2)/128), Q63.", "LN_RECIPROCAL", "u64", reciprocals)
    text += table(
        "-ln of the entries of `LN_RECIPROCAL`, Q63.",
        "LN_OF_RECIPROCAL",
        "i64",
        [fixed(-mp.log(mp.mpf(value) / 2**63), 63) for value in reciprocals],
    )
    pieces = []
    for index in range(CDF_INTERVALS):
        octave = max(0, index // 16 - 1)
        width = mp.mpf(2) ** octave / 16
        place = index - 16 * octave
        centre = (place + mp.mpf(1) / 2) * width
        pieces.append([fixed(value, 63) for value in interpolate(scaled_tail, centre, width / 2, CDF_DEGREE)])
    text += "/// Φ(-z) e^(z²/2), Q63, piece by piece: coefficients of t^0 … t^9, t from -1 to 1 over the piece. 16 pieces in each\n"
    text += "/// octave from z = 1 to 32, and 16 below 1.\n#[rustfmt::skip]\n"
    text += f"pub(crate) const SCALED_TAIL: [[i64; {CDF_DEGREE + 1}]; {CDF_INTERVALS}] = [\n"
    for piece in pieces:
        text += f"    [\n{rows(piece, 5, '        ')}    ],\n"
    text += "];\n"
    (HERE / "src" / "tables.rs").write_text(text)


def reference(name, header, lines):
    folder = HERE / "tests" / "reference"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n")


def e24(value):
    return int(mp.nint(value * mp.mpf(10) ** 24))


def mantissa(value):
    """As many bits as 80, and the exponent of the lowest."""
    exponent = int(mp.floor(mp.log(value, 2))) - 79
    return f"{int(mp.nint(value / mp.mpf(2) ** exponent))},{exponent}"


def references():
    draw = random.Random(20260203)
    q57 = lambda value: int(mp.nint(value * mp.mpf(2) ** 57))
    real = lambda count: mp.mpf(count) / mp.mpf(2) ** 57
    arguments = [q57(mp.mpf(draw.uniform(-41, 44))) for _ in range(300)] + [q57(mp.mpf(draw.uniform(-1, 1))) for _ in range(100)]
    arguments += [0, 1, -1, q57(mp.log(2)), q57(44), q57(-41)]
    reference("exp", "x_q57,mantissa,exponent", [f"{x},{mantissa(mp.exp(real(x)))}" for x in arguments])
    counts = [draw.randrange(1, 10**draw.randrange(1, 38)) for _ in range(300)] + [1, 10**18, 10**18 + 1, 10**18 - 1, 2**126, 2**127 - 1]
    counts += [10**18 + draw.randrange(-(10**15), 10**15) for _ in range(100)]
    reference("ln", "value_e18,ln_q80", [f"{count},{fixed(mp.log(mp.mpf(count) / 10**18), 80)}" for count in counts])
    points = [q57(mp.mpf(draw.uniform(-12, 12))) for _ in range(400)] + [q57(mp.mpf(draw.uniform(-32, 32))) for _ in range(100)]
    edges = [mp.mpf(index) / 16 for index in range(32)] + [mp.mpf(index) / 8 for index in range(16, 64)]
    points += [0] + [q57(edge) + offset for edge in edges for offset in (-1, 0, 1)]
    reference(
        "normal",
        "z_q57,cdf_e24,density_e24,scaled_tail_q80",
        [
            f"{z},{e24(mp.ncdf(real(z)))},{e24(mp.npdf(real(z)))},{fixed(scaled_tail(abs(real(z))), 80)}"
            for z in points
            if abs(z) < 2**62
        ],
    )
    reference("black", "forward_e8,strike_e8,time_ms,volatility_e12,call_e24,put_e24,delta_call_e24,gamma_e24,vega_e24,theta_e24,rho_call_e24", black_rows(draw))


def black_rows(draw):
    year = mp.mpf(365 * 86_400_000)
    lines = []
    for index in range(600):
        forward = int(10 ** draw.uniform(4, 15))
        spread = draw.choice([0.001, 0.05, 0.3, 1.0, 2.0])
        strike = max(1, int(forward * mp.exp(draw.uniform(-spread, spread)))) if index % 20 else forward
        time_ms = int(10 ** draw.uniform(3, 11.5))
        volatility = int(10 ** draw.uniform(10, 12.7))
        f, k = mp.mpf(forward) / 10**8, mp.mpf(strike) / 10**8
        t, v = time_ms / year, mp.mpf(volatility) / 10**12
        s = v * mp.sqrt(t)
        d1 = mp.log(f / k) / s + s / 2
        d2 = d1 - s
        call = f * mp.ncdf(d1) - k * mp.ncdf(d2)
        put = k * mp.ncdf(-d2) - f * mp.ncdf(-d1)
        density = f * mp.npdf(d1)
        numbers = [
            call,
            put,
            mp.ncdf(d1),
            density / (f * f * s),
            density * mp.sqrt(t) / 100,
            -density * v / (2 * mp.sqrt(t)) / 365,
            k * t * mp.ncdf(d2) / 100,
        ]
        lines.append(f"{forward},{strike},{time_ms},{volatility}," + ",".join(str(e24(number)) for number in numbers))
    return lines


if __name__ == "__main__":
    rust()
    references()
