"""`palisade price` against QuantLib: 10,000 random options, their prices, greeks and implied volatilities."""

import json
import random
import subprocess

import pytest
import QuantLib as ql
from devnet import binary

OPTIONS = 10_000
YEAR_MS = 365 * 86_400_000


def options():
    draw = random.Random(1976)
    made = 0
    while made < OPTIONS:
        forward = round(10 ** draw.uniform(0, 5.5), 8)
        time_ms = int(10 ** draw.uniform(5.5, 11))
        volatility = round(10 ** draw.uniform(-1.3, 0.5), 12)
        deviations = draw.uniform(-4, 4) * volatility * (time_ms / YEAR_MS) ** 0.5
        strike = round(forward * 2.718281828459045**deviations, 8)
        if 0.001 < strike < 1e9:
            made += 1
            yield draw.choice(["call", "put"]), forward, strike, time_ms, volatility


def text(number, decimals=8):
    return f"{number:.{decimals}f}".rstrip("0").rstrip(".")


def ask(folder, questions):
    file = folder / "questions.json"
    file.write_text(json.dumps(questions))
    run = subprocess.run([binary(), "price", str(file)], capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_prices_and_greeks_are_quantlibs(tmp_path, capsys):
    cases = list(options())
    questions = [
        {"kind": kind, "forward": text(forward), "strike": text(strike), "time_ms": time_ms, "volatility": text(volatility, 12)}
        for kind, forward, strike, time_ms, volatility in cases
    ]
    worst = dict.fromkeys(["price", "delta", "gamma", "vega", "theta", "rho"], 0.0)
    for (kind, forward, strike, time_ms, volatility), answer in zip(cases, ask(tmp_path, questions), strict=True):
        years = time_ms / YEAR_MS
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if kind == "call" else ql.Option.Put, strike)
        black = ql.BlackCalculator(payoff, forward, volatility * years**0.5, 1.0)
        # QuantLib says the call's for both kinds.
        in_money = black.itmCashProbability()
        expected = {
            "price": black.value(),
            "delta": black.deltaForward(),
            "gamma": black.gammaForward(),
            "vega": black.vega(years) / 100,
            # Nothing is discounted and the spot is the forward, so theta is the volatility's alone.
            "theta": black.theta(forward, years) / 365,
            "rho": strike * years / 100 * (in_money if kind == "call" else in_money - 1),
        }
        for name, value in expected.items():
            # QuantLib's cumulative normal is good to 1e-15 of the forward or so.
            scale = {"delta": 1, "gamma": max(abs(value), 1e-3), "rho": strike * years}.get(name, forward)
            error = abs(float(answer[name]) - value) / scale
            worst[name] = max(worst[name], error)
            assert error < 1e-9, (name, answer[name], value, kind, forward, strike, time_ms, volatility)
    with capsys.disabled():
        print(f"\n{len(cases)} options, worst error:", {name: f"{error:.1e}" for name, error in worst.items()})


def test_volatilities_come_back_from_quantlibs_prices(tmp_path, capsys):
    cases, questions = [], []
    for kind, forward, strike, time_ms, volatility in options():
        root = (time_ms / YEAR_MS) ** 0.5
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if kind == "call" else ql.Option.Put, strike)
        black = ql.BlackCalculator(payoff, forward, volatility * root, 1.0)
        # What rounding a price to 1e-15 of the forward is worth in volatility must be below the claim.
        if black.vega(root * root) > forward * 1e-8:
            cases.append(volatility)
            price = text(black.value(), 18)
            questions.append({"kind": kind, "forward": text(forward), "strike": text(strike), "time_ms": time_ms, "price": price})
    answers = ask(tmp_path, questions)
    worst = max(abs(float(answer["volatility"]) - volatility) for answer, volatility in zip(answers, cases, strict=True))
    with capsys.disabled():
        print(f"\n{len(cases)} volatilities, worst error {worst:.1e}")
    assert len(cases) > OPTIONS // 2 and worst < 1e-6


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"strike": "0"}, "must be above zero"),
        ({"volatility": None, "price": "9"}, "below the intrinsic value"),
        ({"volatility": None, "price": "110"}, "no volatility gives"),
        ({"volatility": None}, "either a volatility or a price"),
        ({"style": "american"}, "unknown field"),
    ],
)
def test_bad_questions_are_refused_with_what_is_wrong(tmp_path, change, says):
    question = {"kind": "call", "forward": "110", "strike": "100", "time_ms": 86_400_000, "volatility": "0.5"} | change
    file = tmp_path / "question.json"
    file.write_text(json.dumps([{name: value for name, value in question.items() if value is not None}]))
    run = subprocess.run([binary(), "price", str(file)], capture_output=True, text=True, timeout=60)
    assert run.returncode == 2 and says in run.stderr, run
