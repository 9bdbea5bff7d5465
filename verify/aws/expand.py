"""Expands the transforms of a template as CloudFormation would, with the SAM CLI's own code for AWS::LanguageExtensions and
AWS's translator for SAM: expand.py TEMPLATE STACK ACCOUNT REGION PARAMETERS > JSON, where PARAMETERS is a JSON object."""

import json
import re
import sys

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """Maps names of managed policies to ARNs. The template has roles of its own and names none."""

    def load(self):
        return {}


def restore(node):
    """Puts texts that refer to resources back into Fn::Sub, which the SAM CLI drops once it has filled in the parameters."""
    if isinstance(node, dict):
        return {name: value if name == "Fn::Sub" else restore(value) for name, value in node.items()}
    if isinstance(node, list):
        return [restore(value) for value in node]
    if isinstance(node, str) and re.search(r"\$\{[A-Z]", node):
        return {"Fn::Sub": node}
    return node


path, stack, account, region, parameters = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file.read())
pseudo = {
    "AWS::StackName": stack,
    "AWS::Region": region,
    "AWS::AccountId": account,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
values = {**defaults, **json.loads(parameters), **pseudo}
template = restore(expand_language_extensions(template, values, enabled=True).expanded_template)
for resource in template["Resources"].values():
    variables = resource.get("Properties", {}).get("Environment", {}).get("Variables", {})
    variables.update({name: str(value) for name, value in variables.items() if isinstance(value, int)})  # they are text on AWS
template["Transform"] = "AWS::Serverless-2016-10-31"
json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, indent=1)
