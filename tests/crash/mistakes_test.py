#!/usr/bin/env python3
"""What people do wrong around a training, and what machines do to it, with real processes: each mistake has its message and its exit
code, and the training goes on, or can be gone on with, and ends with the weights of one that nothing happened to.

  mistakes_test.py BUILD [CASE...]
"""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from training import DONE, GAVE_UP, HERE, MANY_STEPS, STOPPED, WRONG, PassedOver, Training, Wrong, expect, expect_text, send, tiny_run, until


def two_trainings_of_one_run(new):
    training = new().start().passes(20)
    leader = training.supervisor()
    training.refused([f"process {leader} trains here already", f'"celere status {training.file}" shows it'])
    corpus = next((training.folder / "data").iterdir())
    second = subprocess.run([training.build / "celere", "supervise", "--run-directory", training.run, "--corpus", corpus],
                            cwd=training.folder, capture_output=True, text=True, timeout=30)
    expect(second.returncode == WRONG, f"exit code {second.returncode}")
    expect_text(f"process {leader} trains here already", second.stderr)
    training.ends_right()
    expect(training.starts() == 1, "it was started again")


def wrong_flags_start_nothing(new):
    training = new()

    def scenario(text):
        path = training.folder / "wrong.faults.toml"
        path.write_text("[scenario]\nname = \"x\"\n" + text)
        return ["--faults", path]

    training.refused(['wrong.faults.toml:4: fault.kind: "melt_down" is no kind of fault'],
                     *scenario('[[fault]]\nkind = "melt_down"\nat_step = 3\n'))
    training.refused("wrong.faults.toml:4", *scenario("[[fault]]\nkind = \nat_step = 3\n"))
    training.refused(["wrong.faults.toml", "at_stepp"], *scenario('[[fault]]\nkind = "nan"\nat_stepp = 3\n'))
    expect(not training.run.exists(), "a scenario that is wrong left a run directory")
    training.refused(["wrong.faults.toml:3", "rank 7 of kill_worker: the training has 2"], *scenario('[[fault]]\nkind = "kill_worker"\nat_step = 3\nrank = 7\n'))
    training.refused(["wrong.faults.toml:3", "node 2 of kill_agent: the training has 2"], *scenario('[[fault]]\nkind = "kill_agent"\nat_step = 3\nnode = 2\n'))
    training.refused("no-such-file.toml", "--faults", "no-such-file.toml")
    training.refused("--resume", "--resume")
    training.refused("--nodes 1: 2 ranks, 1 on a node, need 2 nodes", "--nodes", 1)
    training.refused("--layout dp=3", "--layout", "dp=3")
    training.refused("dpp", "--layout", "dpp=2")
    if os.cpu_count() < 8:
        training.refused("--layout: 8 ranks are more than the", "--layout", "dp=8,micro_batch=1")
    expect(not training.events() and not training.everyone(), "something was started")
    environment = dict(os.environ, CELERE_WORKER="/nowhere/celere-worker")
    ended = subprocess.run(training.command(), cwd=training.folder, capture_output=True, text=True, timeout=30, env=environment)
    expect(ended.returncode == WRONG, f"no worker: exit code {ended.returncode}")
    expect_text("/nowhere/celere-worker (from CELERE_WORKER) does not exist", ended.stderr)
    training.finishes()


def the_directory_of_another_run(new):
    training = new().start("--stop-after", 40)
    training.ends(DONE)
    text = training.file.read_text()
    training.file.write_text(text.replace("learning_rate = 0.003", "learning_rate = 0.004"))
    training.refused(["holds a training of another run file", "learning_rate = 0.003", "learning_rate = 0.004"])
    training.file.write_text(text)
    training.finishes("--resume")


def damaged_files(new):
    training, other = new(), new("-other")
    other.start("--stop-after", 30)
    other.ends(DONE)
    step = 0
    for content in (b"", b"{\"port\": ", b"\0\xff" * 50, "other"):
        step += 60
        training.start().passes(step)
        training.front.send_signal(signal.SIGINT)
        training.ends(STOPPED)
        for name in ("recovery.json", "supervisor.json", "status.json"):
            path = training.run / name
            expect(path.exists(), f"{name} is not there")
            if content != "other":
                path.write_bytes(content)
            elif (other.run / name).exists():
                path.write_bytes((other.run / name).read_bytes())
        code, text = training.status()
        expect(code in (DONE, WRONG) and text, f"celere status: {code} {text}")
    epochs = [event["epoch"] for event in training.events("supervisor_started")]
    expect(len(epochs) == 4 and epochs == sorted(set(epochs)), f"four epochs that rise: {epochs}")
    secret, whole = training.run / "secret", (training.run / "secret").read_bytes()
    secret.chmod(0o644)
    training.refused(["others may read this run's secret", "chmod 600"])
    secret.chmod(0o600)
    secret.write_bytes(b"")
    training.refused("has 0 bytes where a run's secret has 32; remove it")
    secret.write_bytes(whole[:-1] + b"?")
    (training.run / "checkpoints" / "keep").write_text("not a step\n")
    training.finishes()


def interrupted(new):
    """Once: saved. Twice: within seconds, and the last checkpoint stays. SIGTERM is as Ctrl-C."""
    training = new().start().passes(30)
    training.front.send_signal(signal.SIGINT)
    training.ends(STOPPED, 20)
    saved = int(re.search(r"(\d+)$", tiny_run.checkpoints(training.run)[-1].name).group())
    expect(saved == training.step(), f"step {training.step()} was not saved, but {saved}")
    training.start("--resume").passes(saved + 30)
    training.front.send_signal(signal.SIGINT)
    training.front.send_signal(signal.SIGINT)
    training.ends(STOPPED, 6)
    time.sleep(0.2)
    training.front.send_signal(signal.SIGINT)  # too late, for who has ended
    until("all processes end", 5, lambda: not training.everyone())
    training.start("--resume").passes(saved + 90)
    training.front.send_signal(signal.SIGINT)
    time.sleep(0.02)
    training.front.send_signal(signal.SIGINT)
    training.ends(STOPPED, 6)
    training.start().passes(saved + 150)
    training.front.terminate()
    training.ends(STOPPED, 20)
    # At once, while supervisor and workers only begin to live: several moments.
    for moment in (0.05, 0.15, 0.3, 0.6, 1):
        before = training.step()
        training.start()
        time.sleep(moment)
        training.front.send_signal(signal.SIGINT)
        code = training.front.wait(30)
        expect(code in (STOPPED, -signal.SIGINT, DONE), f"{moment} s after its start: exit code {code}: {training.said()}")
        expect(training.step() >= before, "steps were lost")
    until("all processes end", 5, lambda: not training.everyone())
    training.finishes()


def the_front_goes(new):
    """The terminal is closed, or the front killed: the training goes on, is seen, is busy, and stops saved."""
    training = new(steps=MANY_STEPS)
    for number in (signal.SIGHUP, signal.SIGKILL):
        starts = training.starts()
        training.start()
        until("it trains", 40, lambda: training.starts() == starts + 1)
        training.passes(training.step() + 40)
        training.front.send_signal(number)
        training.front.wait(10)
        training.passes(training.step() + 40)
        leader = training.supervisor()
        training.refused(f"process {leader} trains here already")
        code, text = training.status()
        expect(code == DONE, text)
        expect_text(str(leader), text)
        expect(len(training.node_folders()) == 1, f"the nodes live in {training.node_folders()}")
        send([leader], signal.SIGTERM)
        until("all processes end", 15, lambda: not training.everyone())
        expect(training.events("finished")[-1]["how"] == "stopped", "it was not stopped")
        expect(training.starts() == starts + 1, "it was started again")
    expect(not training.node_folders(), f"{training.node_folders()} is left")
    training.finishes()


def front_and_supervisor_are_killed(new):
    """Another training takes over within a minute, whatever supervisor.json says by then; workers never notice. One machine."""
    training = new(steps=MANY_STEPS).start().passes(40)
    workers = sorted(training.processes("worker"))

    def kill_both():
        send(workers, signal.SIGSTOP)  # else they would be done before all is tried
        training.front.kill()
        send([training.supervisor()], signal.SIGKILL)
        training.front.wait(5)
        until("the supervisor's end", 5, lambda: not training.processes("supervise"))

    def go_on():
        known = len(training.events("supervisor_started"))
        training.start()
        until("another supervisor", 20, lambda: len(training.events("supervisor_started")) > known)
        send(workers, signal.SIGCONT)
        training.passes(training.step() + 40)

    kill_both()
    go_on()
    kill_both()
    (training.run / "supervisor.json").write_text("{}")
    time.sleep(0.5)
    go_on()
    place = json.loads((training.run / "supervisor.json").read_text())
    kill_both()
    with socket.socket() as other:  # something else listens where it did, and is silent
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((place["address"], place["port"]))
        other.listen()
        time.sleep(1)
        go_on()
    epochs = [event["epoch"] for event in training.events("supervisor_started")]
    expect(epochs == [1, 2, 3, 4], f"epochs {epochs}")
    expect(sorted(training.processes("worker")) == workers, "workers were started again")
    training.ends_right()


def the_program_is_installed_anew(new):
    """While it trains, and the supervisor and a worker die: what lies in its place by then goes on."""
    training = new(steps=MANY_STEPS)
    build, own = training.build, training.folder / "installed"
    own.mkdir()
    for name in ("celere", "celere-worker"):
        shutil.copy(build / name, own / name)
    training.build = own
    training.start().passes(30)
    for name in ("celere", "celere-worker"):
        (own / name).unlink()
    send([training.supervisor()], signal.SIGKILL)
    time.sleep(1)
    for name in ("celere", "celere-worker"):
        shutil.copy(build / name, own / f"{name}.new")
        (own / f"{name}.new").rename(own / name)
    training.passes(training.step() + 30)
    send(training.processes("worker")[:1], signal.SIGKILL)
    training.ends_right()


def who_takes_over_finds_less(new):
    """Its memory is damaged while workers live: they are stopped, and it begins anew. Then an agent dies that is not its
    child, and one while nobody leads."""
    training = new(steps=MANY_STEPS).start().passes(40)

    def kill_both():
        send(training.processes("worker"), signal.SIGSTOP)
        training.front.kill()
        send([training.supervisor()], signal.SIGKILL)
        training.front.wait(5)

    kill_both()
    (training.run / "recovery.json").write_text("{}\n")
    training.start()
    until("it is said", 20, lambda: training.events("recovery_forgotten"))
    until("it begins anew", 30, lambda: training.starts() == 2)
    expect(len(training.processes("worker")) == 2, "workers from before live on")
    training.passes(training.step() + 40)
    kill_both()
    training.start()
    until("another supervisor", 20, lambda: len(training.events("supervisor_started")) == 3)
    send(training.processes("worker"), signal.SIGCONT)
    training.passes(training.step() + 20)
    send(training.processes("agent")[:1], signal.SIGKILL)
    until("its end is noticed", 10, lambda: training.events("node_gone"))
    until("all are started again", 30, lambda: training.starts() == 3)
    training.passes(training.step() + 20)
    kill_both()
    send(training.processes("agent")[:1], signal.SIGKILL)  # and its worker with it, while nobody leads
    training.start()
    until("all are started again", 30, lambda: training.starts() == 4)
    training.ends_right()


def nobody_leads_for_a_minute(new):
    """The workers end, saved, and the agents; then it can be gone on with. It trains more steps than a minute holds."""
    training = new().start().passes(20)
    send(training.processes("worker"), signal.SIGSTOP)  # else it would be done long before
    time.sleep(0.3)
    training.front.kill()
    send([training.supervisor()], signal.SIGKILL)
    training.front.wait(5)
    time.sleep(58)
    expect(len(training.processes("agent")) == 2, "agents went too early")
    step = training.step()
    send(training.processes("worker"), signal.SIGCONT)
    until("all processes end", 20, lambda: not training.everyone())
    saved = int(re.search(r"(\d+)$", tiny_run.checkpoints(training.run)[-1].name).group())
    expect(saved == training.step() and saved > step, f"saved is {saved}, done {training.step()}, and {step} before")
    training.finishes()


def asleep(new):
    """A machine that sleeps, whoever wakes up first: nothing is wrong, so nothing is started again."""
    training = new(steps=MANY_STEPS).start()
    orders = (("supervise", "agent", "worker"), ("worker", "agent", "supervise"), ("agent", "worker", "supervise"))
    for turn, order in enumerate(orders):
        training.passes(60 + 100 * turn)
        send([training.front.pid], signal.SIGSTOP)
        for kind in order:
            send(training.processes(kind), signal.SIGSTOP)
        time.sleep(12)
        for kind in order:
            send(training.processes(kind), signal.SIGCONT)
            time.sleep(0.3)
        send([training.front.pid], signal.SIGCONT)
        training.passes(training.step() + 20)
        expect(training.starts() == 1, f"awake in the order {order} it was started again: {training.events()[-8:]}")
    training.ends_right()


def parts_asleep(new):
    training = new().start().passes(30)
    send([training.supervisor()], signal.SIGSTOP)
    time.sleep(8)
    send([training.supervisor()], signal.SIGCONT)
    training.ends_right()
    expect(training.starts() == 1, f"the supervisor slept, and it was started again: {training.events()[-8:]}")
    training = new("-agent").start().passes(30)
    send(training.processes("agent")[:1], signal.SIGSTOP)  # a node that is silent is gone
    until("the silent node is noticed", 12, lambda: training.events("node_gone"))
    training.ends_right()
    expect(training.starts() == 2, f"it was started {training.starts()} times, not once and once again")


def replicas_fall_one_after_another(new):
    """Another falls while those that are left regroup, early in it and late: they go on without both, and both join again."""
    training = new(steps=MANY_STEPS, lost="continue").start("--layout", "dp=4", *HERE).passes(60)
    for apart in (0, 0.03, 0.1, 0.3):
        workers, known = training.processes("worker"), len(training.events("decision"))
        send(workers[1:2], signal.SIGKILL)
        time.sleep(apart)
        send(workers[3:], signal.SIGKILL)

        def back():
            new_ones = training.events("decision")[known:]
            return sum("lost_replica" in one for one in new_ones) >= 2 and new_ones[-1].get("replicas") == 4

        until("both are missed, and back", 30, back)
        training.passes(training.step() + 20)
    actions = [decision["action"] for decision in training.events("decision")]
    expect("stop" not in actions and actions.count("start") == 1, f"it rolled back: {actions}")
    training.ends(DONE)


def the_front_is_stopped(new):
    """Ctrl-Z: who no longer reads what is said holds nobody up. A worker that dies meanwhile is replaced, SIGTERM stops it saved."""
    training = new(steps=MANY_STEPS)
    training.start().passes(30)
    send([training.front.pid], signal.SIGSTOP)
    training.passes(300)
    send(training.processes("worker")[:1], signal.SIGKILL)
    until("the worker is replaced", 20, lambda: training.events("recovered"))
    send([training.supervisor()], signal.SIGTERM)
    until("all others end", 15, lambda: training.events("finished"))
    send([training.front.pid], signal.SIGCONT)
    training.ends(STOPPED, 15)
    training.finishes()


def the_run_directory_is_removed(new):
    training = new().start().passes(30)
    (training.run).rename(training.folder / "taken-away")
    training.ends(GAVE_UP, 40)
    until("all processes end", 10, lambda: not training.everyone())
    expect_text("was removed", (training.folder / f"{training.name}.out").read_text())
    subprocess.run(["rm", "-rf", training.run], check=True)
    (training.folder / "taken-away").rename(training.run)
    training.finishes()


def no_memory_for_nodes(new):
    """/dev/shm that takes nothing: the nodes live in the run directory. A disk that is full: the last checkpoint stays."""
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0:
        raise PassedOver("no mounts of one's own here")
    for options in ("size=4k", "ro"):
        training = new("-" + options.replace("=", ""))
        training.start(prefix=["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o {options} none /dev/shm; exec "$@"', "sh"])
        until("the nodes", 20, training.node_folders)
        expect(training.node_folders() == [training.run / "nodes"], f"the nodes live in {training.node_folders()}")
        training.ends_right()
    training = new("-disk", retries="2").start("--stop-after", 40)
    training.ends(DONE)
    kept = tiny_run.checkpoints(training.run)[-1].name
    mount = (f'cp -a {training.run}/checkpoints {training.folder}/copy; mount -t tmpfs -o size=1m none {training.run}/checkpoints; '
             f'cp -a {training.folder}/copy/{kept} {training.run}/checkpoints/; '
             f'dd if=/dev/zero of={training.run}/checkpoints/full bs=64k 2>/dev/null; "$@"; code=$?; ls {training.run}/checkpoints; exit $code')
    training.start("--stop-after", 100, prefix=["unshare", "-m", "sh", "-c", mount, "sh"])
    training.ends(GAVE_UP, 30)
    expect_text("No space left on device", training.events("gave_up")[-1]["errors"])
    expect_text(kept, (training.folder / f"{training.name}.out").read_text()[-2000:])
    training.finishes()


CASES = [two_trainings_of_one_run, wrong_flags_start_nothing, the_directory_of_another_run, damaged_files, interrupted, the_front_goes,
         front_and_supervisor_are_killed, asleep, parts_asleep, replicas_fall_one_after_another, the_front_is_stopped,
         the_run_directory_is_removed, no_memory_for_nodes, the_program_is_installed_anew,
         who_takes_over_finds_less, nobody_leads_for_a_minute]


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    if not (build / "celere-worker").exists():
        print("skipped: celere-worker is not built")
        sys.exit(77)
    names = [case.__name__ for case in CASES]
    wanted = sys.argv[2:] or names
    if unknown := [name for name in wanted if name not in names]:
        sys.exit(f"no such case: {', '.join(unknown)}; there are {', '.join(names)}")
    failed = []
    with tempfile.TemporaryDirectory(prefix="celere-mistakes-", ignore_cleanup_errors=True) as name:
        folder = pathlib.Path(name).resolve()
        os.environ["XDG_CONFIG_HOME"] = name + "/config"  # what a user measured is not ours
        tiny_run.write_facts(folder)
        for case in CASES:
            if case.__name__ not in wanted:
                continue
            begin, trainings = time.monotonic(), []

            def new(more="", **settings):
                trainings.append(Training(build, folder, case.__name__.replace("_", "-") + more, **settings))
                return trainings[-1]

            try:
                case(new)
                print(f"{case.__name__}: fine, {time.monotonic() - begin:.1f} s", flush=True)
            except PassedOver as why:
                print(f"{case.__name__}: passed over: {why}", flush=True)
            except (Wrong, subprocess.TimeoutExpired) as wrong:
                failed.append(case.__name__)
                print(f"{case.__name__}: FAILED after {time.monotonic() - begin:.1f} s: {wrong}", flush=True)
            finally:
                for training in trainings:
                    training.kill_all()
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
