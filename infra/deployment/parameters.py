"""PARAMETERS: what a person wants instead of the template's defaults."""

import difflib
import re
import shlex

from .console import Refusal

# infra/deploy fills these in, from the image.
OURS = {"ImageUri": "IMAGE=… names the image", "Architecture": "it is that of the image; `make image ARCH=…` builds another"}


def read(text, known):
    """{name: value} of words as a shell reads them: `Name=value 'Other=two words' Gone=`. Without a value a parameter
    goes back to the template's default.

    Raises `Refusal` with everything that is wrong, each with what to do.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Refusal(f"PARAMETERS={text}: {error}. Quote values as for a shell: PARAMETERS=\"Model='my model'\".") from None
    given, wrong = {}, []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            wrong.append(f"{word}: expected Name=value; a value with spaces needs quotes of its own: PARAMETERS=\"Name='two words'\".")
        elif name in OURS:
            wrong.append(f"{name}: deploy sets it; {OURS[name]}.")
        elif name not in known:
            wrong.append(f"{name}: no parameter of infra/template.yaml; {_meant(name, known)}")
        elif name in given:
            wrong.append(f"{name}: given twice.")
        else:
            given[name] = value or known[name].get("Default", "")
            trouble = problem(given[name], known[name])
            if trouble:
                wrong.append(f"{word}: {trouble}")
    if wrong:
        raise Refusal("wrong PARAMETERS; nothing was made:", *(f"  - {line}" for line in wrong))
    return given


def _meant(name, known):
    """The names that were probably meant; letters count as CloudFormation counts them."""
    choice = sorted(known.keys() - OURS.keys())
    same = [other for other in choice if other.lower() == name.lower()]
    lower = {other.lower(): other for other in choice}
    close = same or [lower[other] for other in difflib.get_close_matches(name.lower(), lower, 1, 0.6)]
    return f"did you mean {close[0]}?" if close else f"it has {', '.join(choice)}."


def problem(value, parameter):
    """What CloudFormation would say against a value, or nothing."""
    if "\\" in value or "\n" in value:
        return "sam cannot pass on backslashes or line ends."
    allowed = parameter.get("AllowedValues")
    if allowed is not None and value not in allowed:
        return f"must be one of {', '.join(choice or 'nothing (Name=)' for choice in allowed)}."
    if parameter.get("Type") == "Number":
        return _number_problem(value, parameter)
    pattern = parameter.get("AllowedPattern")
    if pattern and not re.fullmatch(pattern, value):
        return parameter.get("ConstraintDescription") or f"must match {pattern}."
    if len(value) < int(parameter.get("MinLength", 0)):
        return f"must have at least {parameter['MinLength']} characters."
    if "MaxLength" in parameter and len(value) > int(parameter["MaxLength"]):
        return f"must have at most {parameter['MaxLength']} characters."
    return None


def _number_problem(value, parameter):
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
        return "must be a number."
    low, high = parameter.get("MinValue"), parameter.get("MaxValue")
    if low is not None and float(value) < float(low) or high is not None and float(value) > float(high):
        if low is not None and high is not None:
            return f"must be {low} to {high}."
        return f"must be at least {low}." if low is not None else f"must be at most {high}."
    return None


def word_for_sam(name, value):
    """As sam reads it back: it splits at blanks itself, and drops a name with nothing behind it."""
    if re.fullmatch(r"[A-Za-z0-9_@%+:,./*=-]+", value):
        return f"{name}={value}"
    quoted = value.replace('"', '\\"')
    return f'{name}="{quoted}"'
