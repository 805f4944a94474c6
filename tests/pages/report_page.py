#!/usr/bin/env python3
"""Pages of a forecast, a comparison and a training in a real browser: no error on its console, the numbers that they show are those of
the JSON, and a hostile name stays a name. Where there is no chromium the test is skipped (exit code 77)."""

import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from browser import browser, rendered

DAY = 86400


def three(value):
    """As base/written_units.hpp: three significant digits."""
    if value == 0:
        return "0"
    digits = 0
    while digits < 12 and abs(value) * 10**digits < 100 * (1 - 1e-9):
        digits += 1
    return f"{value:.{digits}f}".replace("-", "\u2212")


def seconds(value):
    for least, unit, name in ((2 * 365.25 * DAY, 365.25 * DAY, "years"), (2 * DAY, DAY, "days"), (7200, 3600, "h"), (120, 60, "min")):
        if abs(value) >= least:
            return f"{three(value / unit)} {name}"
    return f"{three(value)} s"


def prefixed(value, unit):
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1, "")):
        if abs(value) >= factor * 0.9995 or factor == 1:
            return f"{three(value / factor)} {prefix}{unit}"
    return ""


def shown(program, page):
    """The text that a reader sees and the element tree, after the scripts ran."""
    raw = page.read_text()
    assert page.stat().st_size < 2_000_000, f"{page.name} has {page.stat().st_size} bytes"
    # What a page could load by itself; addresses in comments and texts load nothing, and the page's policy forbids all of it.
    loads = re.findall(r"<(?:img|link|iframe|object|embed|base|script [^>]*src)[^>]*>|@import|url\(", re.sub(r"(<script\b[^>]*>).*?</script>", r"\1", raw, flags=re.S))
    assert not loads, loads
    assert "default-src 'none'" in raw
    whole = rendered(program, page)
    tree = re.sub(r"<(script|style)\b.*?</\1>", "", whole, flags=re.S)
    text = html.unescape(re.sub(r"<[^>]+>", " ", tree.replace("<wbr>", ""))).replace("\xa0", " ")
    return re.sub(r"\s+", " ", text), tree, whole.count("<script")


def expect(text, *wanted):
    for one in wanted:
        one = re.sub(r"\s+", " ", one.replace("\xa0", " "))
        assert one in text, f"{one!r} is not on the page"


def same_forecast(text, view):
    expect(text, view["completion_date_p50"], view["completion_date_p5"], view["completion_date_p95"], seconds(view["completion_p50_s"]),
           prefixed(view["dollars_p50"], "$"), prefixed(view["energy_p50_mwh"] * 1e6, "Wh"), f"{100 * view['ettr_p50']:.1f} %")
    for key, time in view["account"].items():
        expect(text, f"{seconds(time)} {100 * time / view['account_whole_s']:.1f} %")
    expect(text, seconds(view["account_whole_s"]) + " 100.0 %")
    for cause in view["causes"]:
        expect(text, f"{cause['name']} {three(cause['hits'])} {seconds(cause['lost_s'])}")
    for shift in view["sensitivity"]:
        moves = [("+" if shift[k] > 0 else "") + three(shift[k] / DAY) + " days" for k in ("low_moves_s", "high_moves_s")]
        expect(text, " ".join([shift["name"], shift["low"], shift["is"], shift["high"], *moves]))
    for point in view["tuning"]["interval_s"]["points"]:
        expect(text, f"{seconds(point['time_mean_s'])} {seconds(point['time_mean_error_s'])} {100 * point['ettr_mean']:.1f} %")
    for event in view["told"]["story"]:
        expect(text, event["text"])
    for source in view["sources"]:
        expect(text, source["from"])
    expect(text, *view["assumptions"], view["layout"], f"{view['ranks']:,}", seconds(view["step_time_s"]))


def same_comparison(text, view):
    for one in view["contenders"]:
        expect(text, one["name"])
        if one["forecast"] is None:
            expect(text, f"{one['name']} cannot do it: {one['why_not']}")
            continue
        forecast = one["forecast"]
        expect(text, f"{forecast['completion_date_p5']} – {forecast['completion_date_p95']}", prefixed(forecast["dollars_p50"], "$"),
               prefixed(forecast["energy_p50_mwh"] * 1e6, "Wh"), f"{100 * forecast['ettr_p50']:.1f} %", *forecast["assumptions"])
        for time in forecast["account"].values():
            expect(text, three(time / DAY))
    names = [one["name"] for one in view["contenders"]]
    order = [names.index(name) for name in view["by_time"]]
    for row in order:
        cells = ["–" if row == column else f"{100 * view['before'][row][column]:.1f} %" for column in order]
        expect(text, " ".join([names[row], *cells]))
    expect(text, *[one["text"] for one in view["crossings"]])


def same_training(text, view):
    expect(text, f"{view['loss_validation']:.3f}", f"training: {view['loss']:.3f}", f"{three(1e3 * view['step_time_p50_s'])} ms",
           f"{three(1e3 * view['step_time_predicted_s'])} ms", f"{view['measured_over_predicted']:.2f} times as long measured",
           f"{three(view['tokens'])} tokens", f"step {view['last_step']} of {view['total_steps']}", seconds(view["recovery_time_s"]))
    for failure in view["failures"]:
        expect(text, failure["text"])


def main(samples):
    program = browser()
    if program is None:
        return 77
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        subprocess.run([samples, folder], check=True)
        for kind, same in (("forecast", same_forecast), ("comparison", same_comparison), ("training", same_training)):
            page = folder / f"{kind}.html"
            view = json.loads((folder / f"{kind}.json").read_text())
            text, tree, scripts = shown(program, page)
            expect(text, view["answer"])
            same(text, view)
            # The name is there as text, and made nothing: no script, no image, no bold text of its own.
            expect(text, view["run"])
            assert "evil" in text and not re.search(r"<b [^>]*evil", tree), f"{kind}: a name became an element"
            assert scripts == 3, f"{kind}: {scripts} scripts"
            assert tree.count("<canvas") >= 2 and tree.count("<main") == 1 and tree.count("<h1") == 1
            assert tree.count('role="img"') == tree.count("<canvas"), f"{kind}: a chart without a name for who cannot see it"
            print(f"{kind}: {page.stat().st_size} bytes, says what the JSON says")
        for kind, answer in (("forecast-none", "Not done in any of 3 lives"), ("forecast-undated", "Done in 1 of 3 lives; in half of these within 10.0 days"),
                             ("comparison-none", "None of these clusters ends this training."), ("training-fresh", "Nothing was trained yet.")):
            text, _, _ = shown(program, folder / f"{kind}.html")
            expect(text, answer, "Celere")
            print(f"{kind}: says that there is nothing")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
