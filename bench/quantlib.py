#!/usr/bin/env python3
"""Times QuantLib on the options of `crates/pricing/benches/pricing.rs`, to stand beside ours in `bench/RESULTS.md`.

QuantLib is called from Python, one option at a time, so what such a call costs by itself is measured too (a call with as many
numbers that computes next to nothing) and told beside: the truth about QuantLib lies between both figures.

usage: quantlib.py RESULT_FILE
"""

import json
import math
import pathlib
import statistics
import sys
import time

import QuantLib as ql

ROUNDS = 31


def options():
    """The same as `cases` of the benchmark: an hour to a year, up to three standard deviations out of the money."""
    for index in range(1024):

        def part(stride):
            return (index * stride % 1021) / 1021

        forward = 50_000 + 60_000 * part(7)
        years = 1 / 8760 * 8760 ** part(331)
        volatility = 0.2 + 1.3 * part(89)
        strike = round(forward * math.exp(volatility * math.sqrt(years) * (6 * part(577) - 3)))
        kind = ql.Option.Call if strike > forward else ql.Option.Put
        yield kind, float(strike), forward, volatility * math.sqrt(years)


def microseconds(call, arguments):
    """The median over rounds of the time per call."""
    rounds = []
    for _ in range(ROUNDS):
        began = time.thread_time_ns()
        for each in arguments:
            call(*each)
        rounds.append((time.thread_time_ns() - began) / len(arguments) / 1000)
    return statistics.median(rounds)


def main(result_file):
    cases = list(options())
    priced = [(kind, strike, forward, ql.blackFormula(kind, strike, forward, deviation)) for kind, strike, forward, deviation in cases]
    worth = [each for each in priced if each[3] > 1e-12]
    # With no deviation it gives the intrinsic value at once.
    call_us = microseconds(ql.blackFormula, [(kind, strike, forward, 0.0) for kind, strike, forward, _ in cases])
    lines = [
        {"what": "option price", "us": microseconds(ql.blackFormula, cases), "call_us": call_us},
        {"what": "implied volatility", "us": microseconds(ql.blackFormulaImpliedStdDev, worth), "call_us": call_us},
    ]
    pathlib.Path(result_file).write_text(json.dumps(lines))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
