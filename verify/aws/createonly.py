"""Prints, as a JSON object, the properties of each resource type that cannot change without a replacement of the resource, according
to the schemas that AWS publishes, of which cfn-lint has a copy: createonly.py TYPE…"""

import json
import sys

from cfnlint.schema import PROVIDER_SCHEMA_MANAGER


def create_only(resource_type):
    paths = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema.get("createOnlyProperties", [])
    return sorted({path.split("/")[2] for path in paths})


json.dump({name: create_only(name) for name in sys.argv[1:]}, sys.stdout)
