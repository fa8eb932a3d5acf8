"""functions/wire/schema/openapi.json as the tests use it: its operations, and whether an answer is as it says."""

import json

import jsonschema
import support

PATH = support.ROOT / "functions" / "wire" / "schema" / "openapi.json"
DOCUMENT = json.loads(PATH.read_text())
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def closed(schema):
    """A schema with nothing allowed that it does not name: clients may meet more, the server must not answer more."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: closed(value) for name, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), dict):
        schema["additionalProperties"] = False
    return schema


def resolved(node):
    """What a reference leads to."""
    while isinstance(node, dict) and "$ref" in node:
        steps = node["$ref"].removeprefix("#/").split("/")
        node = DOCUMENT
        for step in steps:
            node = node[step]
    return node


def operations():
    """{operationId: (method, path, operation)}."""
    found = {}
    for path, item in DOCUMENT["paths"].items():
        for method in METHODS:
            if method in item:
                found[item[method]["operationId"]] = (method.upper(), path, item[method])
    return found


def declared():
    """Every (operationId, status) of the document."""
    return {(name, int(status)) for name, (_, _, operation) in operations().items() for status in operation["responses"]}


COMPONENTS = closed(DOCUMENT["components"]["schemas"])


def validator(schema):
    """Of an answer: strict, and with the references of the document."""
    return jsonschema.Draft202012Validator({"components": {"schemas": COMPONENTS}, "allOf": [closed(schema)]})


class Seen:
    """Checks answers, and remembers which members of the document's schemas they had."""

    def __init__(self):
        self.members = set()

    def check(self, name, reply):
        """Asserts that an answer is one that its operation declares: status, headers, type and body."""
        _, _, operation = operations()[name]
        assert str(reply.status) in operation["responses"], f"{name} does not declare {reply.status}: {reply.body[:300]}"
        self.check_response(operation["responses"][str(reply.status)], reply, f"{name} {reply.status}")
        return reply

    def check_response(self, response, reply, what):
        response = resolved(response)
        for header, description in response.get("headers", {}).items():
            description, value = resolved(description), reply.headers.get(header.lower())
            assert value is not None or not description.get("required"), f"{what}: no {header}"
            assert value is None or not list(validator(description["schema"]).iter_errors(value)), f"{what}: {header}: {value}"
        content = response.get("content")
        if content is None:
            assert reply.body == b"", f"{what}: {reply.body[:300]}"
            return
        assert reply.type in content, f"{what}: {reply.type}"
        if not reply.type.endswith("json") and not reply.type.endswith("json-1.1"):
            assert reply.body
            return
        schema = content[reply.type]["schema"]
        problems = [f"{error.json_path}: {error.message[:300]}" for error in validator(schema).iter_errors(reply.json)]
        assert not problems, f"{what}: {problems[:5]}\n{reply.body[:300]}"
        self.note(schema, reply.json, "")

    def note(self, schema, value, place):
        """Remembers which members of which component occur in a value."""
        if "$ref" in schema:
            place = schema["$ref"].rpartition("/")[2]
            schema = resolved(schema)
        for branch in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
            if not list(validator(branch).iter_errors(value)):
                self.note(branch, value, place)
        if isinstance(value, dict):
            for name, member in schema.get("properties", {}).items():
                if name in value:
                    self.members.add(f"{place}.{name}")
                    self.note(member, value[name], f"{place}.{name}")
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            for item in value:
                self.note(schema["items"], item, f"{place}[]")


def members():
    """Every member that an answer may have, as `Seen` calls them."""
    found, visited = set(), set()

    def walk(schema, place):
        if "$ref" in schema:
            place = schema["$ref"].rpartition("/")[2]
            if place in visited:
                return
            visited.add(place)
            schema = resolved(schema)
        for branch in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
            # What is only narrowed there is named where it comes from.
            if "$ref" in branch or "items" in branch:
                walk(branch, place)
        for name, member in schema.get("properties", {}).items():
            found.add(f"{place}.{name}")
            walk(member, f"{place}.{name}")
        if isinstance(schema.get("items"), dict):
            walk(schema["items"], f"{place}[]")

    for _, _, operation in operations().values():
        for response in operation["responses"].values():
            for content in resolved(response).get("content", {}).values():
                walk(content["schema"], "")
    return found


def multipart(parts):
    """A form of (name, value): bytes are files, text is a field. Its body and its type."""
    body = b""
    for name, value in parts:
        head = f'--x7x\r\nContent-Disposition: form-data; name="{name}"' + ('; filename="a"' if isinstance(value, bytes) else "")
        body += head.encode() + b"\r\n\r\n" + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return body + b"--x7x--\r\n", "multipart/form-data; boundary=x7x"
