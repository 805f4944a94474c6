"""The sbatch file that celere writes for a training, and what a test says otherwise in it."""
import re
import subprocess


def written(celere, run, folder, *flags):
    """By `celere train RUN --slurm FILE`."""
    path = folder / "job.sh"
    answer = subprocess.run([celere, "train", run, "--runs", folder / "runs", "--slurm", path, "--slurm-interface", "lo",
                             "--slurm-gpus", "0", *flags], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
    assert answer.returncode == 0, answer.stdout
    return path.read_text()


def with_settings(text, **settings):
    """NAME=... of the bash in it; a setting that is not there is a fault of the test."""
    for name, value in settings.items():
        text, count = re.subn(rf"^{name}=.*$", lambda _: f"{name}={value}", text, count=1, flags=re.M)
        assert count == 1, f"no line {name}= in\n{text}"
    return text


def with_directives(text, *directives):
    """Directives take the place of those of their name, or come behind the first line."""
    for directive in directives:
        name = directive.split("=")[0]
        text = re.sub(rf"^#SBATCH {name}\b.*\n", "", text, flags=re.M)
        text = text.replace("\n", f"\n#SBATCH {directive}\n", 1)
    return text
