#!/usr/bin/env python3
"""The page of `celere validate --report` in a real browser: no error on its console, and the numbers that it shows are those of
--json. Where there is no chromium the test is skipped (exit code 77)."""

import html
import json
import pathlib
import re
import subprocess
import sys
import tempfile

from browser import browser, rendered


def main(celere):
    program = browser()
    if program is None:
        return 77
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder) / "page.html"
        answer = subprocess.run([celere, "validate", "--json", "--report", page], capture_output=True, text=True, check=True)
        view = json.loads(answer.stdout)
        size = page.stat().st_size
        assert size < 2_000_000, f"the page has {size} bytes"
        assert "http://" not in page.read_text().replace("http://www.w3.org/2000/svg", ""), "the page asks for the network"
        shown = rendered(program, page)
    text = html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"<script.*?</script>", "", shown, flags=re.S)))
    for key in ("median", "mean", "p90"):
        number = f"{100 * view['error'][key]:.1f} %"
        assert number in text, f"{key} = {number} is not on the page"
    assert f"{len(view['results'])} published runs predicted" in text
    for source, summary in view["error"]["by_source"].items():
        row = f"{source} {summary['rows']} {100 * summary['median']:.1f} %"
        assert row in re.sub(r"\s+", " ", text), f"{row!r} is not on the page"
    for family in view["ranking"]:
        assert family["family"] in text
    print(f"the page has {size} bytes and says what the JSON says")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
