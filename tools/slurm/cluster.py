#!/usr/bin/env python3
"""A private Slurm cluster on this machine: munged, slurmctld and several slurmd, in one temporary folder.

    cluster.py [--nodes N] [COMMAND...]     runs COMMAND (a shell, where none is given) with the cluster's environment

    with Cluster(nodes=4) as cluster:
        cluster.run(["sbatch", "--wait", "job.sh"])
        cluster.kill_node("n1")             # a machine that dies: its slurmd and all that runs of jobs there

It runs as whoever starts it, in a container too: no cgroups, no systemd, no accounting, own ports, an own munge key. Partition
`low` (the default) is preempted by `high`: its jobs get their --signal, have 20 s, and are queued again.

A guard, which is another process, takes all down and removes the folder as soon as we close our end of its pipe, however we end.
"""
import argparse
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "squeue", "scancel")
SEARCHED = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
GRACE = 20      # seconds that a preempted job has
SILENCE = 5     # seconds after which a node that does not answer is down

CONFIG = """\
ClusterName=celere
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout={silence}
TCPTimeout=1
MessageTimeout=5
KillWait=5
MinJobAge=3600
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=REQUEUE GraceTime={grace}
PartitionName=high Nodes=ALL MaxTime=INFINITE PriorityTier=10 PreemptMode=OFF
"""
NODE = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs={cpus} RealMemory=1000 State=UNKNOWN\n"


def program(name):
    return shutil.which(name, path=SEARCHED)


def why_not():
    """Why there can be no cluster here, or None."""
    missing = [name for name in PROGRAMS if program(name) is None]
    return f"Slurm is not installed here: no {', '.join(missing)}" if missing else None


def free_ports(count):
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


# ---- processes, as /proc shows them ----

def processes():
    """id -> (parent, environment) of all that can be read; zombies are none."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            environment = (entry / "environ").read_bytes().split(b"\0")
        except OSError:   # it has ended, or is another user's
            continue
        if fields[0] != "Z":
            found[int(entry.name)] = (int(fields[1]), environment)
    return found


def marked(folder, node=None):
    """The processes of a cluster, or of one of its nodes: by their environment, and all that descends from them."""
    ours = {f"SLURM_CONF={folder}/slurm.conf".encode(), f"CELERE_SLURM_CLUSTER={folder}".encode()}
    there = {f"SLURMD_NODENAME={node}".encode(), f"CELERE_SLURM_NODE={node}".encode()}
    all_of_them = processes()
    chosen = {who for who, (_, environment) in all_of_them.items()
              if not ours.isdisjoint(environment) and (node is None or not there.isdisjoint(environment))}
    more = True
    while more:
        more = {who for who, (parent, _) in all_of_them.items() if parent in chosen and who not in chosen}
        chosen |= more
    return chosen - {os.getpid()}


def kill_marked(folder, node=None):
    """Stopped first, all of them, so that none sees another die and acts on it, as none does on a machine without power. Then
    killed, children before their parents: a stopped process whose group is orphaned would be sent SIGHUP and SIGCONT, and srun,
    awake for a moment, would end its tasks on other nodes."""
    stopped = set()
    while new := marked(folder, node) - stopped:
        send(new, signal.SIGSTOP)
        stopped |= new
    while stopped:
        parents = {who: parent for who, (parent, _) in processes().items() if who in stopped}
        stopped = set(parents)
        send(stopped - set(parents.values()), signal.SIGKILL)
        time.sleep(0.002)


def send(chosen, number):
    for who in chosen:
        with contextlib.suppress(ProcessLookupError):
            os.kill(who, number)


def guard(folder):
    sys.stdin.buffer.read()   # until the other end is closed, by will or by death
    kill_marked(folder)
    for _ in range(50):
        if not marked(folder):
            break
        time.sleep(0.1)
        kill_marked(folder)
    shutil.rmtree(folder, ignore_errors=True)


class Cluster:
    """Slurm's programs find it by `environment`; `folder` holds its settings and logs; `nodes` are its names, n0 and on."""

    def __init__(self, nodes=4, cpus=2):
        self.nodes = [f"n{index}" for index in range(nodes)]
        self.cpus = cpus
        self.folder = None
        self.guard = None
        self.daemons = {}

    def __enter__(self):
        reason = why_not()
        if reason:
            raise RuntimeError(reason)
        self.folder = tempfile.mkdtemp(prefix="celere-slurm-")
        os.chmod(self.folder, 0o755)   # munged wants its socket where all can reach it
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
        self.environment.update(SLURM_CONF=f"{self.folder}/slurm.conf", CELERE_SLURM_CLUSTER=self.folder, PATH=SEARCHED)
        # The guard itself must not bear the marks of what it kills.
        self.guard = subprocess.Popen([sys.executable, __file__, "--guard", self.folder], stdin=subprocess.PIPE,
                                      start_new_session=True, env={"PATH": SEARCHED})
        try:
            self.start()
        except BaseException:
            sys.stderr.write(self.logs())
            self.down()
            raise
        return self

    def __exit__(self, *_):
        self.down()

    def start(self):
        folder = pathlib.Path(self.folder)
        ports = free_ports(1 + len(self.nodes))
        config = CONFIG.format(host=socket.gethostname().split(".")[0], folder=folder, user=pwd.getpwuid(os.getuid()).pw_name,
                               controller_port=ports[0], grace=GRACE, silence=SILENCE)
        config += "".join(NODE.format(name=name, port=port, cpus=self.cpus) for name, port in zip(self.nodes, ports[1:]))
        (folder / "slurm.conf").write_text(config)
        for name in ("state", "spool", "node", *(f"spool/{name}" for name in self.nodes)):
            (folder / name).mkdir()
        key = folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        self.daemon("munged", "--foreground", f"--key-file={key}", f"--socket={folder}/munge.socket", "--num-threads=2",
                    f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munge.seed", "--origin=127.0.0.1")
        self.until("munged answers", lambda: (folder / "munge.socket").exists())
        self.daemon("slurmctld", "-D", "-f", f"{folder}/slurm.conf")
        for name in self.nodes:
            self.start_node(name)
        self.until("all nodes are idle", lambda: set(self.states().values()) == {"IDLE"})

    def daemon(self, name, *arguments, key=None, environment=None):
        with open(f"{self.folder}/{key or name}.out", "ab") as out:
            self.daemons[key or name] = subprocess.Popen(
                [program(name), *arguments], env={**self.environment, **(environment or {})}, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True)

    def until(self, what, holds, timeout=60):
        """Waits until holds() does; its last answer."""
        end = time.monotonic() + timeout
        while not (answer := holds()):
            for name, process in self.daemons.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode} while we waited until {what}")
            if time.monotonic() > end:
                raise TimeoutError(f"waited {timeout} s until {what}")
            time.sleep(0.1)
        return answer

    def start_node(self, name):
        """Also one that was killed, whose machine comes back."""
        local = pathlib.Path(self.local_folder(name))
        local.mkdir(exist_ok=True)
        self.daemon("slurmd", "-D", "-N", name, "-f", f"{self.folder}/slurm.conf", key=name,
                    environment={"CELERE_SLURM_NODE": name})

    def local_folder(self, name):
        """The local disk of a node, for jobs that want one."""
        return f"{self.folder}/node/{name}"

    def kill_node(self, name):
        """A machine that dies at once, with its local disk. Its connections do get closed, for the kernel here lives on."""
        kill_marked(self.folder, name)
        self.daemons.pop(name).wait(timeout=30)
        shutil.rmtree(self.local_folder(name), ignore_errors=True)
        shutil.rmtree(f"{self.folder}/spool/{name}", ignore_errors=True)
        os.mkdir(f"{self.folder}/spool/{name}")

    def say_down(self, name):
        """Slurm notices that a node is dead some ten seconds later, or at once when it is told."""
        self.run(["scontrol", "update", f"NodeName={name}", "State=DOWN", "Reason=dead"])

    def run(self, command, **settings):
        """A client of Slurm; fails where that fails."""
        settings = {"check": True, "text": True, "capture_output": True, "timeout": 120, **settings}
        environment = {**self.environment, **settings.pop("env", {})}
        try:
            return subprocess.run(command, env=environment, **settings)
        except subprocess.CalledProcessError as error:
            raise RuntimeError(f"{command} ended with {error.returncode}: {error.stdout}{error.stderr}") from None

    def states(self):
        """name -> IDLE, ALLOCATED, DOWN, ...; SILENT for one that does not answer; empty while the controller does not."""
        answer = self.run(["sinfo", "-h", "-N", "-p", "low", "-o", "%N %T"], check=False)
        states = {name: state.upper() for name, state in map(str.split, answer.stdout.splitlines())}
        return {name: state.rstrip("*") if "*" not in state or "DOWN" in state else "SILENT" for name, state in states.items()}

    def submit(self, *arguments):
        """The id of a new job."""
        return self.run(["sbatch", "--parsable", *arguments]).stdout.strip()

    def job(self, identifier):
        """What `scontrol show job` says of a job: a dict."""
        text = self.run(["scontrol", "-o", "show", "job", identifier]).stdout
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def wait_for_job(self, identifier, states, timeout=120):
        return self.until(f"job {identifier} is {states}", lambda: (self.job(identifier)["JobState"] in states
                                                                  and self.job(identifier)), timeout)

    def start_again(self, identifier):
        """Slurm lets a job that it queued again wait for two minutes. Not within the second in which it was ended, for its nodes
        take it for the one that was: "already killed, do not launch"."""
        def starts():
            state = self.job(identifier)["JobState"]
            if state == "PENDING":
                self.run(["scontrol", "update", f"JobId={identifier}", "StartTime=now"], check=False)
            return state == "RUNNING"
        self.wait_for_job(identifier, ["PENDING"])
        time.sleep(2)
        self.until(f"job {identifier} runs again", starts)

    def logs(self, lines=40):
        text = ""
        for path in sorted([*pathlib.Path(self.folder).glob("*.log"), *pathlib.Path(self.folder).glob("*.out")]):
            tail = path.read_text(errors="replace").splitlines()[-lines:]
            text += f"---- {path.name}\n" + "".join(line + "\n" for line in tail)
        return text

    def down(self):
        if self.guard:
            self.guard.stdin.close()
            self.guard.wait(timeout=60)
            self.guard = None
        for process in self.daemons.values():
            process.wait(timeout=10)
        self.daemons = {}


def main():
    if sys.argv[1:2] == ["--guard"]:
        return guard(sys.argv[2])
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--nodes", type=int, default=4)
    flags.add_argument("command", nargs=argparse.REMAINDER)
    chosen = flags.parse_args()
    if why_not():
        print(why_not(), file=sys.stderr)
        return 77
    with Cluster(nodes=chosen.nodes) as cluster:
        return subprocess.run(chosen.command or ["bash"], env=cluster.environment).returncode


if __name__ == "__main__":
    sys.exit(main())
