"""A tiny training with real processes, and what a test of mistakes asks about it."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "soak"))
import tiny_run  # noqa: E402

STEPS = 600  # about four seconds
MANY_STEPS = 2400  # of cases that try several things in one training, which must not be done before
HERE = ["--oversubscribe", "--threads", "1"]
LAYOUT = ["--layout", "dp=2", *HERE]
DONE, GAVE_UP, WRONG, STOPPED = 0, 1, 2, 3


class Wrong(Exception):
    """What a case found."""


class PassedOver(Exception):
    """Why a case cannot be tried here."""


def until(what, seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise Wrong(f"not within {seconds} s: {what}")


def expect(condition, what):
    if not condition:
        raise Wrong(what)


def expect_text(part, text):
    expect(part in text, f'"{part}" is not in: {text}')


def send(processes, number):
    for process in processes:
        try:
            os.kill(process, number)
        except ProcessLookupError:
            pass


class Training:
    """One run, its directory and its processes."""

    undisturbed = {}  # by the number of steps: the weights of one that nothing happened to

    def __init__(self, build, folder, name, steps=STEPS, **settings):
        self.build, self.folder, self.name, self.steps = build, folder, name, steps
        self.file = tiny_run.run_file(folder, name, steps, **settings)
        self.run = folder / "runs" / name
        self.front = None

    def command(self, *flags):
        layout = [] if "--layout" in flags else LAYOUT
        return [self.build / "celere", "train", self.file, *layout, "--json", *map(str, flags)]

    def start(self, *flags, prefix=()):
        output = open(self.folder / f"{self.name}.out", "a")
        self.errors = open(self.folder / f"{self.name}.err", "w+")
        self.front = subprocess.Popen([*prefix, *self.command(*flags)], cwd=self.folder, stdout=output, stderr=self.errors,
                                      start_new_session=True)
        return self

    def ends(self, code, seconds=90):
        try:
            got = self.front.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Wrong(f"it does not end within {seconds} s; {self.events()[-3:]}") from None
        expect(got == code, f"exit code {got}, not {code}: {self.said()}; {self.events()[-3:]}")

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def refused(self, part, *flags):
        """It says so, with exit code 2."""
        ended = subprocess.run(self.command(*flags), cwd=self.folder, capture_output=True, text=True, timeout=60)
        expect(ended.returncode == WRONG, f"exit code {ended.returncode}: {ended.stdout[-500:]} {ended.stderr}")
        for one in [part] if isinstance(part, str) else part:
            expect_text(one, ended.stderr)

    def finishes(self, *flags):
        self.start(*flags).ends_right()

    def ends_right(self):
        self.ends(DONE)
        if self.steps not in self.undisturbed:
            reference = Training(self.build, self.folder, f"undisturbed-{self.steps}", self.steps).start()
            reference.ends(DONE)
            self.undisturbed[self.steps] = tiny_run.weights(reference.run)
        expect(tiny_run.weights(self.run) == self.undisturbed[self.steps], "the final weights are not the undisturbed ones")

    def lines(self, file):
        try:
            return [json.loads(line) for line in (self.run / file).read_text().split("\n")[:-1]]
        except FileNotFoundError:
            return []

    def events(self, *names):
        return [event for event in self.lines("events.jsonl") if not names or event["event"] in names]

    def step(self):
        steps = self.lines("metrics.jsonl")
        return steps[-1]["step"] if steps else 0

    def passes(self, step, seconds=40):
        expect(step <= self.steps, f"step {step} of {self.steps}: the training outran the test")
        until(f"step {step}; it was {self.step()}; {self.said()}", seconds,
              lambda: self.step() >= step or self.front.poll() == WRONG)
        expect(self.step() >= step, self.said())
        return self

    def processes(self, kind):
        """Of this run: "supervise", "agent" or "worker"."""
        out = []
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().decode().split("\0")
                state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
            except (OSError, UnicodeDecodeError):
                continue
            if "--run-directory" not in words or state == "Z" or not words[0].startswith(str(self.build)):
                continue
            of = words[words.index("--run-directory") + 1]
            if (self.folder / of).resolve() != self.run.resolve():
                continue
            if words[0].endswith("-worker") if kind == "worker" else kind in words[1:4]:
                out.append(int(entry.name))
        return out

    def supervisor(self):
        return until("a supervisor", 20, lambda: self.processes("supervise"))[0]

    def node_folders(self):
        """Where its nodes keep what goes with them, as far as it is there: in memory, or in the run directory."""
        in_memory = pathlib.Path("/dev/shm").glob(f"celere-{os.getuid()}-{self.run.name}-{'[0-9a-f]' * 16}")
        return [*in_memory, *self.run.glob("nodes")]

    def everyone(self):
        return [process for kind in ("supervise", "agent", "worker") for process in self.processes(kind)]

    def kill_all(self):
        if self.front is not None and self.front.poll() is None:
            self.front.kill()
        send(self.processes("supervise"), signal.SIGKILL)
        send(self.everyone(), signal.SIGKILL)

    def status(self):
        ended = subprocess.run([self.build / "celere", "status", self.run], cwd=self.folder, capture_output=True, text=True,
                               timeout=20)
        return ended.returncode, ended.stdout + ended.stderr

    def starts(self):
        return len(self.events("started"))
