#!/usr/bin/env python3
"""What a million events of each kind cost on the disk and in processor time: for docs/sizing.md.

    ops/sizing.py HEADWATER [EVENTS]

Of each kind so many events (by default 50,000) go through `headwater produce` into a data folder of its own,
with 4 data partitions and the embedded log; figures are scaled to a million. Bytes are those that the
table log.storage tells once the folder is closed; processor seconds are those of `produce`, client, log,
folds and store together.
"""
import json
import pathlib
import resource
import subprocess
import sys
import tempfile

EVENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 50_000
HEADWATER = str(pathlib.Path(sys.argv[1]).resolve())
REPO = pathlib.Path(__file__).resolve().parent.parent
KEYS = 5_000


def sample(event_type, version=1):
    return json.loads((REPO / "schemas" / event_type / f"v{version}.sample.json").read_text())


def app_event(n):
    return {"specversion": "1.0", "id": f"order-{n}", "source": "https://app.example.com/orders",
            "type": "app.order.placed", "subject": f"customer-{n % KEYS}", "time": "2026-01-05T09:30:00Z",
            "data": {"customer": f"customer-{n % KEYS}", "total": n % 97 + 0.5,
                     "items": [{"name": "pencil", "quantity": n % 7 + 1}]}}


def prediction(n):
    event = sample("headwater.prediction.made")
    event.update(id=f"p-{n}", subject=f"req-{n}")
    event["data"].update(prediction_id=f"req-{n}")
    return event


def label(n):
    event = sample("headwater.label.observed")
    event.update(id=f"l-{n}", subject=f"req-{n}")
    event["data"].update(prediction_id=f"req-{n}", label=n % 2 == 0)
    return event


def experiment(n):
    event = sample("headwater.experiment.create_requested")
    event.update(id=f"e-{n}", subject=f"experiment-{n}")
    event["data"].update(name=f"experiment-{n}")
    return event


KINDS = [("an app's event, into one view", app_event, 1), ("prediction.made", prediction, 1),
         ("label.observed", label, 1), ("experiment.create_requested", experiment, 10)]


def run(*args, **kwargs):
    return subprocess.run([HEADWATER, *args], check=True, capture_output=True, text=True, **kwargs)


def measure(make, events):
    with tempfile.TemporaryDirectory() as work:
        run("init", "app", cwd=work)
        run("topology", "apply", "app/topology", "--data", "data", cwd=work)
        lines = "".join(json.dumps(make(n)) + "\n" for n in range(events))
        (pathlib.Path(work) / "events.jsonl").write_text(lines)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run("produce", "events.jsonl", "--data", "data", cwd=work)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        query = "select kind, sum(bytes) as bytes from log.storage group by kind"
        rows = json.loads(run("sql", "--json", query, "--data", "data", cwd=work).stdout)
        rows = rows["rows"] if isinstance(rows, dict) else rows
        sizes = {row["kind"]: int(row["bytes"] or 0) for row in rows}
        return len(lines), cpu, sizes


def main():
    head = ["kind", "events", "JSON", "log", "rows", "history", "repeats", "marks", "CPU s"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for name, make, fewer in KINDS:
        events = EVENTS // fewer
        payload, cpu, sizes = measure(make, events)
        scale = 1e6 / events
        mb = lambda *kinds: f"{sum(sizes.get(kind, 0) for kind in kinds) * scale / 1e6:,.0f} MB"
        cells = [name, f"{events:,}", f"{payload * scale / 1e6:,.0f} MB", mb("log"), mb("latest"),
                 mb("tail", "sealed"), mb("ids"), mb("marks"), f"{cpu * scale:,.0f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


main()
