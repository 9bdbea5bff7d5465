"""Expands the transforms of a template as CloudFormation would, with the SAM CLI's own code for AWS::LanguageExtensions and
AWS's translator for SAM: expand.py TEMPLATE STACK REGION PARAMETERS > JSON, where PARAMETERS is a JSON object."""

import json
import sys

from samcli.lib.cfn_language_extensions.sam_integration import expand_language_extensions
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform


class NoManagedPolicies:
    """Maps names of managed policies to ARNs. The template has roles of its own and names none."""

    def load(self):
        return {}


path, stack, region, parameters = sys.argv[1:]
with open(path, encoding="utf-8") as file:
    template = yaml_parse(file.read())
pseudo = {
    "AWS::StackName": stack,
    "AWS::Region": region,
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}
defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
values = {**defaults, **json.loads(parameters), **pseudo}
template = expand_language_extensions(template, values, enabled=True).expanded_template
template["Transform"] = "AWS::Serverless-2016-10-31"
json.dump(transform(template, {}, NoManagedPolicies()), sys.stdout, indent=1)
