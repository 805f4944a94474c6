"""A page in a real browser, headless: what it is after its scripts ran."""

import pathlib
import shutil
import subprocess


def browser():
    """Its program; None, and a line that says so, where there is none."""
    found = shutil.which("chromium")
    if found is None:
        print("skipped: there is no chromium here")
    return found


def rendered(program, page):
    """The page as HTML. No script may have complained."""
    page = pathlib.Path(page)
    command = [program, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", f"--user-data-dir={page.parent}/profile",
               "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    out = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    errors = [line for line in out.stderr.splitlines() if "CONSOLE" in line]
    assert not errors, errors
    return out.stdout
