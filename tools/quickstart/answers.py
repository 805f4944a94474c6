#!/usr/bin/env python3
"""The end of ./dev quickstart: what the trained model remembers, and what it answers.

    answers.py CELERE RUN_DIRECTORY

Recall is exact: of 200 questions that it was trained on, how many does it answer to the letter. Exits 1 below 90 %.
"""
import json
import subprocess
import sys

TRAINED = ["What is a violin?", "What is water?", "What is a dog?", "What is a doctor?", "What is a telescope?"]
NEVER_SEEN = ["What is a harpsichord?", "What is a lighthouse?"]
BAR = 0.9


def ask(celere, run, *arguments):
    done = subprocess.run([celere, "ask", "--run", run, "--json", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main():
    celere, run = sys.argv[1:]
    recall = ask(celere, run, "--recall", "200")
    print(f"Recall: {recall['exact']} of {recall['asked']} questions that it was trained on, answered to the letter "
          f"({100 * recall['recall']:.0f} %; bar {100 * BAR:.0f} %)\n")
    for title, questions in (("Trained", TRAINED), ("Never seen", NEVER_SEEN)):
        for question in questions:
            answer = ask(celere, run, "--temperature", "0", question)
            print(f"  {title:<11} {question}\n              {answer['answer']}")
    print("\nA model of this size is a memory that one can talk to: on words that it never saw it gives the form of an answer, "
          "not a fact.\nTalk to it:  build/celere ask --run runs/quickstart")
    sys.exit(0 if recall["recall"] >= BAR else 1)


if __name__ == "__main__":
    main()
