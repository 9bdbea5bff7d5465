"""Expands the SAM transform of a template with AWS's own translator, as CloudFormation would: expand.py TEMPLATE > JSON."""

import json
import sys

from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """Maps names of managed policies to ARNs. The template has roles of its own and names none."""

    def load(self):
        return {}


with open(sys.argv[1], encoding="utf-8") as template:
    json.dump(transform(yaml_parse(template.read()), {}, NoManagedPolicies()), sys.stdout, indent=1)
