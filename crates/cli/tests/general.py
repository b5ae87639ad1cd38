"""A made-up event type and feature view, folded here in plain Python and there by Headwater.

usage: general.py BINARY URL FOLDER

Nested, decimal, array, nullable: nothing of it is known to the server before it is applied. Prints the
number of rows compared; any difference is an error that shows both.
"""

import collections
import datetime
import decimal
import json
import pathlib
import random
import subprocess
import sys
import urllib.request

BINARY, URL, FOLDER = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
TYPE = "lab.sample.measured"
EVENTS = 600

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "required": ["sample", "reading"],
    "additionalProperties": False,
    "properties": {
        "sample": {"type": "object", "required": ["station", "depth"], "properties": {
            "station": {"type": "string"}, "depth": {"type": "integer"}}},
        "reading": {"type": "object", "required": ["mass"], "properties": {
            "mass": {"type": ["number", "string"]},
            "ph": {"type": ["number", "null"]},
            "flags": {"type": "array", "items": {"type": "string"}}}},
    },
}

TOPOLOGY = f"""
event_types:
  {TYPE}: {{ description: A sample was measured. }}
entities:
  place:
    description: Where samples are taken.
    join_keys: {{ station: string, depth: int64 }}
feature_views:
  place_readings:
    description: What is known of a place.
    entity: place
    from: {TYPE}
    keys: {{ station: /sample/station, depth: /sample/depth }}
    features:
      samples: {{ count: all }}
      mass: {{ sum: /reading/mass, type: "decimal(30,4)" }}
      ph_count: {{ count: /reading/ph }}
      ph_mean: {{ mean: /reading/ph, type: float64 }}
      ph_min: {{ min: /reading/ph, type: float64 }}
      flags: {{ last: /reading/flags, type: json }}
      last_at: {{ max: time }}
    derived:
      acid: {{ sql: "ph_min < 7", type: bool }}
  place_weeks:
    description: Samples of a week.
    entity: place
    from: {TYPE}
    keys: {{ station: /sample/station, depth: /sample/depth }}
    window: {{ tumbling: 7d }}
    features:
      samples: {{ count: all }}
"""

BEGIN = datetime.datetime(2025, 3, 1, tzinfo=datetime.timezone.utc)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


def rfc3339(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def events(rng):
    """Random events; masses beyond a float's digits travel as strings."""
    for number in range(EVENTS):
        mass = decimal.Decimal(rng.randrange(10**9)) / 10**4
        if number % 10 == 0:
            mass += 10**20
        reading = {"mass": str(mass) if mass >= 10**10 else float(mass)}
        if rng.random() < 0.7:
            reading["ph"] = rng.choice([None, round(rng.uniform(4, 10), 2)])
        if rng.random() < 0.5:
            reading["flags"] = rng.sample(["cold", "murky", "salt", "é"], rng.randrange(4))
        sample = {"station": rng.choice(["north", "south/1", "ünder"]), "depth": rng.randrange(-2, 3)}
        moment = BEGIN + datetime.timedelta(minutes=rng.randrange(60 * 24 * 60))
        yield {
            "specversion": "1.0", "id": f"m-{number}", "source": "https://lab.example.com",
            "type": TYPE, "subject": sample["station"], "time": rfc3339(moment),
            "data": {"sample": sample, "reading": reading},
        }


def fold(all_events):
    """The same views, the plain way."""
    places, weeks = {}, collections.Counter()
    for event in all_events:
        data, key = event["data"], (event["data"]["sample"]["station"], event["data"]["sample"]["depth"])
        row = places.setdefault(key, {
            "samples": 0, "mass": decimal.Decimal(0), "ph": [], "flags": (("", ""), None), "last_at": ""})
        row["samples"] += 1
        row["mass"] += decimal.Decimal(str(data["reading"]["mass"]))
        if data["reading"].get("ph") is not None:
            row["ph"].append(data["reading"]["ph"])
        stamp = (event["time"], event["id"])
        if "flags" in data["reading"] and stamp > row["flags"][0]:
            row["flags"] = (stamp, data["reading"]["flags"])
        row["last_at"] = max(row["last_at"], event["time"])
        moment = datetime.datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%SZ")
        days = (moment.replace(tzinfo=datetime.timezone.utc) - EPOCH).days
        weeks[(*key, rfc3339(EPOCH + datetime.timedelta(days=days - days % 7)))] += 1
    return places, weeks


def sql(query):
    request = urllib.request.Request(
        f"{URL}/sql", data=query.encode(),
        headers={"content-type": "application/sql", "accept": "application/x-ndjson"})
    with urllib.request.urlopen(request) as response:
        return [json.loads(line) for line in response.read().decode().splitlines()]


def exact_mean(values):
    """Rounded once: a fraction of integers, as Python rounds it."""
    from fractions import Fraction
    return float(sum(Fraction(value) for value in values) / len(values)) if values else None


def same(what, left, right):
    if left != right:
        sys.exit(f"{what}: headwater says {left!r}, plain Python {right!r}")


def main():
    (FOLDER / "topology").mkdir(parents=True)
    (FOLDER / f"schemas/{TYPE}").mkdir(parents=True)
    (FOLDER / "topology/lab.yaml").write_text(TOPOLOGY)
    (FOLDER / f"schemas/{TYPE}/v1.json").write_text(json.dumps(SCHEMA))
    subprocess.run([BINARY, "topology", "apply", FOLDER / "topology", "--url", URL],
                   check=True, stdout=subprocess.DEVNULL)
    all_events = list(events(random.Random(20250301)))
    lines = "".join(json.dumps(event) + "\n" for event in all_events)
    (FOLDER / "events.jsonl").write_text(lines)
    subprocess.run([BINARY, "produce", FOLDER / "events.jsonl", "--url", URL],
                   check=True, stdout=subprocess.DEVNULL)
    places, weeks = fold(all_events)

    rows = sql("select * from place_readings")
    same("places", {(row["station"], row["depth"]) for row in rows}, set(places))
    for row in rows:
        plain = places[(row["station"], row["depth"])]
        where = f"{row['station']}, {row['depth']}: "
        same(where + "samples", row["samples"], plain["samples"])
        same(where + "mass", decimal.Decimal(row["mass"]), plain["mass"])
        same(where + "ph_count", row["ph_count"], len(plain["ph"]))
        same(where + "ph_mean", row["ph_mean"], exact_mean(plain["ph"]))
        same(where + "ph_min", row["ph_min"], min(plain["ph"], default=None))
        same(where + "acid", row["acid"], min(plain["ph"]) < 7 if plain["ph"] else None)
        same(where + "flags", row["flags"] and json.loads(row["flags"]), plain["flags"][1])
        same(where + "last_at", row["last_at"], plain["last_at"])
    counted = {(row["station"], row["depth"], row["window_start"]): row["samples"]
               for row in sql("select station, depth, window_start, samples from place_weeks")}
    same("weeks", counted, dict(weeks))
    print(len(rows) + len(counted))


main()
