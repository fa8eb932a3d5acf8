"""What infra/template.yaml says of its parameters, and which kinds of resources it has.

Python's standard library reads no YAML. `Parameters:` is a plain table, and this reads just what such a table needs:
scalars, quoted ones, folded text and lists. Anything else is an error; tests/test_deploy.py holds it against a YAML reader.
"""

import json
import pathlib
import re

PATH = pathlib.Path(__file__).resolve().parent.parent / "template.yaml"
ENTRY = re.compile(r"(?P<blanks> *)(?P<key>[A-Za-z0-9]+):(?: +(?P<value>.*))?")


class TemplateError(Exception):
    """A line that is not understood."""


def parameters(text=None):
    """{name: {Type, Default, AllowedValues, …}}, values as text, lists as lists of texts."""
    lines = _section(text if text is not None else PATH.read_text(), "Parameters")
    found, current, key = {}, None, None
    for number, line in lines:
        entry = ENTRY.fullmatch(line)
        indent = len(line) - len(line.lstrip())
        if entry and indent == 2 and not entry["value"]:
            current, key = found.setdefault(entry["key"], {}), None
        elif entry and indent == 4 and current is not None:
            key = entry["key"]
            current[key] = _value(entry["value"] or "", number)
        elif indent > 4 and key:
            _more(current, key, line.strip(), number)
        else:
            raise TemplateError(f"line {number} of the template's parameters is not understood: {line.strip()}")
    for parameter in found.values():
        for key, value in parameter.items():
            if isinstance(value, _Text):
                parameter[key] = " ".join(value.lines)
    return found


def resource_types(text=None):
    """The types of the template's resources, such as AWS::Lambda::Permission."""
    return set(re.findall(r"^    Type: (AWS::\w+::\w+)", text if text is not None else PATH.read_text(), re.MULTILINE))


class _Text:
    """Folded text, a line at a time."""

    def __init__(self):
        self.lines = []


def _section(text, name):
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        if re.fullmatch(rf"{name}:\s*", line):
            inside = True
        elif inside and line.strip() and not line.lstrip().startswith("#"):
            if not line.startswith(" "):
                return
            yield number, line.rstrip()


def _value(text, number):
    text = text.strip()
    if text in (">-", ">", "|", "|-"):
        return _Text()
    if text.startswith("["):
        if not _uncommented(text).endswith("]"):
            return [text]  # goes on on the next line
        return _flow(_uncommented(text), number)
    return _scalar(text, number)


def _more(parameter, key, text, number):
    """What follows a key on lines of its own."""
    value = parameter[key]
    if isinstance(value, _Text):
        value.lines.append(text)
    elif value == "" or (isinstance(value, list) and text.startswith("- ")):
        if not text.startswith("- "):
            raise TemplateError(f"line {number} of the template's parameters is not understood: {text}")
        parameter[key] = [*(value or []), _scalar(text[2:], number)]
    elif isinstance(value, list) and len(value) == 1 and value[0].startswith("["):
        whole = f"{_uncommented(value[0])} {_uncommented(text)}"
        parameter[key] = _flow(whole, number) if whole.endswith("]") else [whole]
    else:
        # A plain scalar over several lines.
        parameter[key] = f"{value} {text}"


def _flow(text, number):
    items = re.findall(r'"(?:[^"\\]|\\.)*"|\'(?:[^\']|\'\')*\'|[^,\[\]]+', text)
    return [_scalar(item.strip(), number) for item in items if item.strip()]


def _uncommented(text):
    return re.sub(r"\s+#.*$", "", text)


def _scalar(text, number):
    try:
        if text.startswith('"'):
            return json.loads(re.match(r'"(?:[^"\\]|\\.)*"', text)[0])
    except (ValueError, TypeError):
        raise TemplateError(f"line {number} of the template's parameters is not understood: {text}") from None
    if text.startswith("'"):
        return text[1 : text.rindex("'")].replace("''", "'")
    if text[:1] in ("!", "&", "*", "{"):
        raise TemplateError(f"line {number} of the template's parameters is not understood: {text}")
    return _uncommented(text)
