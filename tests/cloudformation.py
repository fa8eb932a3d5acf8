"""What CloudFormation would make of the template: SAM's own translator, then the intrinsic functions, evaluated."""

import base64
import json
import os
import re
import subprocess

import support

TEMPLATE = support.ROOT / "infra" / "template.yaml"
SAM_PYTHON = support.ROOT / ".tools" / "sam" / "bin" / "python"
PSEUDO = {
    "AWS::AccountId": "123456789012",
    "AWS::Region": "eu-central-1",
    "AWS::Partition": "aws",
    "AWS::StackName": "spotter",
}
NOTHING = object()  # AWS::NoValue

# Runs under SAM's Python: for each set of parameters on standard input, the translated template.
TRANSLATE = """
import json, sys
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform
class NoPolicies:
    def load(self): return {}
text = open(sys.argv[1]).read()
json.dump([transform(yaml_parse(text), given, NoPolicies()) for given in json.load(sys.stdin)], sys.stdout)
"""


def require_sam():
    if not SAM_PYTHON.exists():
        support.skip("SAM is not set up", "tools/setup infra")


def translated(*parameter_sets):
    """A `Stack` for each set of parameters."""
    require_sam()
    environment = os.environ | {"AWS_DEFAULT_REGION": PSEUDO["AWS::Region"], "AWS_EC2_METADATA_DISABLED": "true"}
    found = subprocess.run(
        [SAM_PYTHON, "-c", TRANSLATE, TEMPLATE],
        input=json.dumps([{"ImageUri": "image"} | given for given in parameter_sets]),
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert found.returncode == 0, found.stderr
    return [Stack(raw, given) for raw, given in zip(json.loads(found.stdout), parameter_sets, strict=True)]


class Stack:
    """A translated template. A reference to a resource reads as its logical name, an attribute as `Name.Attribute`."""

    def __init__(self, raw, given):
        self.raw = raw
        defaults = {name: p.get("Default") for name, p in raw["Parameters"].items()}
        self.values = PSEUDO | defaults | {"ImageUri": "image"} | given
        self.resources = {
            name: body | {"Properties": self.evaluate(body.get("Properties", {}))}
            for name, body in raw["Resources"].items()
            if "Condition" not in body or self.condition(body["Condition"])
        }
        self.outputs = {name: self.evaluate(body["Value"]) for name, body in raw["Outputs"].items()}

    def __getitem__(self, name):
        return self.resources[name]["Properties"]

    def of_type(self, kind):
        """{logical name: properties}."""
        return {name: body["Properties"] for name, body in self.resources.items() if body["Type"] == kind}

    def condition(self, what):
        if isinstance(what, str):
            return self.condition(self.raw["Conditions"][what])
        [(function, given)] = what.items()
        if function == "Fn::Not":
            return not self.condition(given[0])
        assert function == "Fn::Equals", function
        left, right = (str(self.evaluate(side)) for side in given)
        return left == right

    def evaluate(self, node):
        if isinstance(node, list):
            return [value for item in node if (value := self.evaluate(item)) is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(name, given)] = node.items()
            if name == "Ref":
                return NOTHING if given == "AWS::NoValue" else self.values.get(given, given)
            if name == "Fn::GetAtt":
                return given if isinstance(given, str) else ".".join(given)
            if name == "Fn::If":
                return self.evaluate(given[1] if self.condition(given[0]) else given[2])
            if name == "Fn::Sub":
                text, names = (given, {}) if isinstance(given, str) else given
                values = self.values | self.evaluate(names)
                text = re.sub(r"\$\{([^!}][^}]*)\}", lambda m: str(values.get(m[1], m[1])), text)
                return text.replace("${!", "${")
            if name == "Fn::Join":
                return given[0].join(self.evaluate(given[1]))
            if name == "Fn::Base64":
                return base64.b64encode(self.evaluate(given).encode()).decode()
            if name == "Fn::Split":
                return self.evaluate(given[1]).split(given[0])
            if name == "Fn::Select":
                index, values = given
                return self.evaluate(values)[index]
            if name == "Fn::Join":
                return given[0].join(self.evaluate(given[1]))
            if name == "Fn::FindInMap":
                table, row, column = (str(self.evaluate(part)) for part in given)
                return self.raw["Mappings"][table][row][column]
            assert not name.startswith("Fn::"), f"{name} is not evaluated here"
        return {key: value for key, item in node.items() if (value := self.evaluate(item)) is not NOTHING}


def statements(properties):
    """Each statement of a role, or of a policy on a resource, its actions and resources as lists."""
    documents = [p["PolicyDocument"] for p in properties.get("Policies", [])] or [properties["PolicyDocument"]]
    for document in documents:
        for statement in document["Statement"]:
            lists = {
                name: [value] if isinstance(value := statement[name], str) else value for name in ("Action", "Resource")
            }
            yield statement | lists
