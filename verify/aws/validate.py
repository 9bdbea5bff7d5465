"""Holds events to the published JSON Schemas: reads one event a line, validate.py SCHEMAS < EVENTS.

Each event is an object with source, detail-type and detail. Then each detail is spoiled, by leaving out a required member, and
has to be refused. Prints how many events each schema has accepted; events for which there is no schema are counted as such.
"""

import collections
import copy
import json
import pathlib
import sys

import jsonschema


def schema_for(event, folder):
    """The schema's file, or None: snapshots, and types that nobody has typed."""
    names = {"stripe.event": event["detail-type"], "stripe.thin": "stripe.thin", "stripe.failure": "stripe.failure"}
    file = folder / (names.get(event["source"], "none") + ".json")
    return file if file.exists() else None


def check(event, file):
    schema = json.loads(file.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.check_schema(schema)
    validator.validate(event["detail"])
    for member in schema["required"]:
        spoiled = copy.deepcopy(event["detail"])
        del spoiled[member]
        if validator.is_valid(spoiled):
            sys.exit(f"{file.name} accepts a detail without {member}")


def main():
    folder = pathlib.Path(sys.argv[1])
    counts = collections.Counter()
    for line in sys.stdin:
        event = json.loads(line)
        file = schema_for(event, folder)
        if file is None:
            counts["without a schema"] += 1
            continue
        try:
            check(event, file)
        except jsonschema.ValidationError as error:
            sys.exit(f"{file.name} refuses {event['detail'].get('id')}: {error.json_path}: {error.message}")
        counts[file.stem] += 1
    for name, count in sorted(counts.items()):
        print(name, count, sep="\t")


main()
