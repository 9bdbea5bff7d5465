"""Validates events against the published JSON Schemas: validate.py SCHEMAS < EVENTS, with an event on each line.

Each event is an object with source, detail-type and detail. Each schema must also refuse the detail without any one of the
required members. Prints the number of events that each schema accepted, and the number of events without a schema.
"""

import collections
import copy
import json
import pathlib
import sys

import jsonschema


def schema_for(event, folder):
    """Returns the schema's file, or None for snapshots and for types without a schema."""
    names = {"stripe.event": event["detail-type"], "stripe.thin": "stripe.thin", "stripe.failure": "stripe.failure"}
    file = folder / (names.get(event["source"], "none") + ".json")
    return file if file.exists() else None


def check(event, file):
    schema = json.loads(file.read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    validator.check_schema(schema)
    validator.validate(event["detail"])
    for member in schema["required"]:
        incomplete = copy.deepcopy(event["detail"])
        del incomplete[member]
        if validator.is_valid(incomplete):
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
