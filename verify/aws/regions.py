"""Prints what cfn-lint knows about each region, a line each: its name, whether EventBridge has a schema registry there ("yes", "no",
or "unknown" where cfn-lint has no list of the region's own), with a tab in between."""

from cfnlint.helpers import REGIONS
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

NEEDED = {"AWS::EventSchemas::Registry", "AWS::EventSchemas::Schema"}

# Where it has no list, cfn-lint assumes that of us-east-1.
everything = set(PROVIDER_SCHEMA_MANAGER.get_resource_types("us-east-1"))
for region in sorted(REGIONS):
    types = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(region))
    if types == everything and region != "us-east-1":
        known = "unknown"
    else:
        known = "yes" if NEEDED <= types else "no"
    print(region, known, sep="\t")
